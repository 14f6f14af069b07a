#!/bin/sh
# Build an image with the engine that is there: docker if its daemon answers, else buildah.
#   deploy/build.sh DOCKERFILE TAG        (IMAGE_FLAGS reaches the engine)
set -eu
cd "$(dirname "$0")/.."
if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
  # shellcheck disable=SC2086
  exec docker build ${IMAGE_FLAGS:-} --file "$1" --tag "$2" .
elif command -v buildah >/dev/null; then
  # shellcheck disable=SC2086
  exec buildah ${BUILDAH_FLAGS:-} build ${IMAGE_FLAGS:-} --format docker --file "$1" --tag "$2" .
fi
echo "error: an image needs docker with a running engine, or buildah" >&2
exit 2
