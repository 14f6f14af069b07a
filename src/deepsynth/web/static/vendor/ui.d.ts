import type { VNode } from "preact";
export { h, render, Fragment, createRef } from "preact";
export type { ComponentChildren, RefObject, VNode } from "preact";
export { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
export { signal, computed, effect, batch, untracked, useSignal, useComputed, useSignalEffect } from "@preact/signals";
export type { Signal, ReadonlySignal } from "@preact/signals";
/** Markup; its values are not type-checked, so components go through h(Component, props). */
export function html(strings: TemplateStringsArray, ...values: unknown[]): VNode;
