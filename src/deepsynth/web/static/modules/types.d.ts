/** The shapes of the HTTP API, as GET api/openapi.json describes them. */

export type JobState =
  | "queued"
  | "starting"
  | "running"
  | "pausing"
  | "paused"
  | "cancelling"
  | "cancelled"
  | "succeeded"
  | "failed"
  | "interrupted";
export type JobAction = "pause" | "resume" | "cancel" | "delete";

export interface Progress {
  done?: number;
  total?: number | null;
  message?: string;
  metrics?: Record<string, number | null>;
  fraction?: number | null;
  per_second?: number | null;
  seconds_left?: number | null;
}

export interface Job {
  job_id: string;
  job_type: string;
  name: string;
  state: JobState;
  reason: string;
  attempt: number;
  position: number | null;
  created_at: string;
  updated_at: string;
  started_at: string | null;
  ended_at: string | null;
  progress: Progress;
  metrics: Record<string, number | null>;
  actions: JobAction[];
  automatic_resumes: number;
  host: string;
  resources: string[];
  output_path: string | null;
  model_output_path: string | null;
  hf_dataset_repo: string | null;
  parent: string | null;
  result: { text: string } | null;
}
export interface JobDetail extends Job {
  config: Record<string, unknown>;
  cli: string;
  yaml: string;
}

export interface JobRequest {
  kind: string;
  name?: string;
  preset?: string | null;
  settings: Record<string, unknown>;
  grace_seconds?: number;
}

export interface Need {
  needed_bytes: number | null;
  available_bytes: number | null;
  fits: boolean | null;
  basis: string;
}
export interface Check {
  ok: boolean;
  errors: { field: string | null; detail: string }[];
  cli: string;
  yaml: string;
  settings: Record<string, unknown> | null;
  memory: Need;
  disk: Need;
  time: { seconds: number | null; at_least: boolean; basis: string };
  /** Whether a plan is still being made: ask again. */
  pending: boolean;
  warnings: string[];
}

/** The parts of JSON Schema that pydantic writes for our settings. */
export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  type?: string;
  title?: string;
  description?: string;
  enum?: (string | number)[];
  const?: string | number;
  default?: unknown;
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  items?: Schema;
  prefixItems?: Schema[];
  additionalProperties?: Schema | boolean;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minItems?: number;
  maxItems?: number;
  format?: string;
}

export type ReferenceKind = "dataset" | "model" | "source" | "path";
export interface Kind {
  kind: string;
  verb: string;
  help: string;
  schema: Schema;
  defaults: Record<string, unknown>;
  presets: Record<string, { settings: Record<string, unknown>, description: string }>;
  references: Record<string, ReferenceKind>;
  output: string | null;
}

export interface Dataset {
  id: string;
  name: string;
  path: string;
  job_id: string | null;
  created_at: string | null;
  splits: Record<string, number>;
  rows: number;
  rejected: number;
  bytes: number;
  languages: string[];
  pages: string;
  mode: string;
  whole: boolean;
  hf_dataset_repo: string | null;
}
export interface Row {
  index: number;
  id: string;
  text: string;
  summary: string | null;
  language: string;
  source: string;
  characters: number;
  summary_characters: number;
  flags: string[];
  pages: string[];
}
export interface Rejected {
  where: string;
  reason: string;
  detail: string;
}

export interface Model {
  id: string;
  name: string;
  path: string | null;
  kind: "built-in" | "checkpoint" | "merged" | "averaged" | "export";
  job_id: string | null;
  step: number | null;
  bytes: number;
  created_at: string | null;
  base: string | null;
  adapter: boolean;
  whole: boolean;
  keep: boolean;
  loss: number | null;
  reference: string;
}

export interface Upload {
  id: string;
  name: string;
  media_type: string;
  bytes: number;
  pages: number | null;
  reference: string;
}

export interface Sample {
  step: number | null;
  id: string;
  text: string | null;
  reference: string | null;
  prediction: string;
  /** What each system wrote, of an evaluation. */
  predictions?: Record<string, string>;
  pages: string[];
}

export type Point = [number, number | null];
export interface Metrics {
  series: Record<string, Point[]>;
  cursor: string;
  reset: boolean;
  total: number;
}
export interface SystemPoint {
  seconds: number;
  memory_mib: number | null;
  cpu_percent: number | null;
  gpu_memory_mib: number | null;
}

export interface HistoryEvent {
  seq: number;
  at: string;
  state: JobState;
  attempt: number;
  reason: string;
}

export interface JobFile {
  id: string;
  path: string;
  bytes: number;
  media_type: string;
}

export interface SharingMachine {
  name: string;
  here: boolean;
  slots: Record<string, number>;
  leases: Record<string, string>;
}

export interface SystemInfo {
  version: string;
  state_dir: string;
  folders: string[];
  read_only: boolean;
  cpus: number;
  memory_bytes: number;
  memory_available_bytes: number;
  disk_free_bytes: number;
  gpus: { index: number; name: string; memory_bytes: number }[];
  slots: Record<string, number>;
  leases: Record<string, string>;
  host: string;
  machines: SharingMachine[];
  limits: Record<string, number>;
  login_required: boolean;
  trackers: Record<string, boolean>;
}
export interface Hub {
  present: boolean;
  user: string | null;
  source: string | null;
  checked: boolean;
  keyring: boolean;
}
export interface Comparison {
  name: string;
  jobs: string[];
  view: Record<string, unknown>;
  updated_at: string;
}

export interface Inference {
  state: "unloaded" | "starting" | "ready" | "failed" | "stopping";
  model: string;
  adapters: string[];
  modes: string[] | null;
  mode: string | null;
  window: number | null;
  parameters: number | null;
  trained: boolean | null;
  device: string | null;
  running: number;
  waiting: number;
  detail: string | null;
  limits: Record<string, number>;
}
export interface SummaryResult {
  text: string;
  model: string;
  mode: string;
  route: string;
  prompt_tokens: number;
  visual_tokens: number;
  generated_tokens: number;
  text_tokens: number | null;
  compression: number | null;
  seconds: number;
  pages_used: number;
  stop_reason: string;
  prompts: number;
  sources: { sentence: string; pages: number[]; basis: string }[];
}
/** What summarizing would read and cost, told before anything is written. */
export interface Plan {
  pages: number;
  visual_tokens: number;
  text_tokens: number | null;
  text_tokens_basis: "estimated" | null;
  compression: number | null;
  mode: string;
  /** None until the model has been loaded once: then its window is known. */
  prompts: number | null;
  images: string[];
}
