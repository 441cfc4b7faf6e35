/* The border between a host and a plugin. Pure C, append-only: members are only ever added at the end of a table or
 * struct, whose `size` says how much of it the other side knows.
 *
 * A plugin is a shared library with one exported symbol, keelson_plugin_entry_v1. The host may be the core itself, a
 * supervised child process or a process against a remote API server; a plugin cannot tell them apart, except by the
 * capabilities that it names as required.
 *
 * Rules:
 *  - Ownership. keelson_bytes are borrowed until the call that passed them returns. A keelson_object is a counted reference to the host's own
 *    immutable object: one passed as an argument of a plugin function is borrowed for that call (retain to keep it), one handed out by a host
 *    function is owned by the receiver (release it). Bytes reached through an object live as long as a reference to it.
 *  - Errors. A keelson_status is 0 or an HTTP status code; then the call's sink was given one Kubernetes Status (JSON). No exception crosses the
 *    border in either direction: both sides catch everything at every entry point.
 *  - Threads. Host functions: any thread. Plugin functions: start, drain and destroy one at a time; map, predicate, observe and completion on the
 *    plugin's one event thread; reconcile, task and serve on worker threads, many at once, but never twice at once for one key of one controller;
 *    hook on any thread, many at once. A plugin makes no threads, asks no clock, keeps no mutable statics.
 *  - Calls. A keelson_call names a call of the plugin that is under way; host functions take it so that deadline, cancellation and the cause of
 *    writes are known. 0: outside of any.
 */
#ifndef KEELSON_PLUGIN_H
#define KEELSON_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KEELSON_ABI_MAJOR 1u
#define KEELSON_ABI_MINOR 4u
#define KEELSON_ENTRY_SYMBOL "keelson_plugin_entry_v1"

enum { KEELSON_TOGETHER_MAX = 1024, KEELSON_TOGETHER_BYTES_MAX = 16 << 20 };   /* of submit_each(): writes, bytes of their bodies */
typedef int32_t keelson_status;
typedef uint64_t keelson_call;
typedef const struct keelson_object_s* keelson_object;

typedef struct { const char* data; size_t size; } keelson_bytes;
typedef struct { void* to; void (*put)(void* to, keelson_bytes bytes); } keelson_sink;
typedef struct { void* to; void (*put)(void* to, keelson_object object); } keelson_object_sink;   /* each put hands over one owned reference */

typedef struct { keelson_bytes group, version, resource; } keelson_kind;
typedef struct { keelson_bytes ns, name; } keelson_key;

/* Header columns of an object, read without parsing it. Absent texts are empty, absent times 0. */
typedef struct {
  uint32_t size, finalizer_count;
  uint64_t revision;
  int64_t generation, creation_unix_s, deletion_unix_s, deletion_grace_s;   /* deletion_grace_s -1: unset */
  keelson_bytes storage_key;     /* "pods", "deployments.apps" */
  keelson_bytes ns, name, uid;
  keelson_bytes controller_uid;  /* of the owner that is its controller */
  keelson_bytes body;            /* compact JSON */
  uint32_t owner_count, reserved;   /* minor 4 */
} keelson_object_view;

/* Every member narrows. */
typedef struct {
  uint32_t size, reserved;
  keelson_bytes ns;          /* empty: all */
  keelson_bytes labels;      /* label selector text */
  keelson_bytes fields;      /* field selector text */
  keelson_bytes owner_uid;   /* of the controlling owner; indexed */
} keelson_query;

/* CREATE with a subresource: POST to it. */
enum { KEELSON_CREATE = 1, KEELSON_UPDATE, KEELSON_MERGE_PATCH, KEELSON_JSON_PATCH, KEELSON_STRATEGIC_PATCH, KEELSON_APPLY, KEELSON_REMOVE };

typedef struct {
  uint32_t size, op;
  keelson_kind kind;
  keelson_key key;               /* name empty on create: from the body */
  keelson_bytes subresource;     /* empty: the object itself */
  keelson_bytes body;            /* JSON; for REMOVE empty */
  /* JSON object or empty: dryRun, force (bool), fieldManager, uid, resourceVersion, gracePeriodSeconds, propagationPolicy. */
  keelson_bytes options;
} keelson_write;

enum { KEELSON_COUNTER = 1, KEELSON_GAUGE = 2, KEELSON_HISTOGRAM = 3 };
enum { KEELSON_LOG_DEBUG = 0, KEELSON_LOG_INFO = 1, KEELSON_LOG_WARN = 2, KEELSON_LOG_ERROR = 3 };

/* A metric: labels are "key=value,key=value" and have to be bounded. */
typedef struct {
  uint32_t size, type;
  keelson_bytes name, help, labels;
  const double* bounds; size_t bound_count;   /* of a histogram */
} keelson_metric;

/* --- hooks (minor 1) ---
 * A point is a place in somebody's work where others are asked: an open, dotted name ("scheduler.filter"), with "/v2" behind
 * it when its meaning changes. The core owns some (sdk/README.md), a plugin those that it declares. What crosses is flat:
 * texts by position and objects; each point's contract says which. Texts are only ever added at the end. */
typedef struct {
  uint32_t size, field_count;
  keelson_bytes point;
  const keelson_bytes* fields;
  const keelson_object* objects;   /* null: absent */
  size_t object_count;
} keelson_hook_request;

/* Fields of "authorization", and of "admission.*" (VERB: CREATE, UPDATE, DELETE or CONNECT; OBJECT and OLD: JSON; only there
 * the last four). GROUPS: one a line. EXTRA: JSON object of lists. PATH: of what is no resource. */
enum {
  KEELSON_IN_USER = 0, KEELSON_IN_UID, KEELSON_IN_GROUPS, KEELSON_IN_EXTRA, KEELSON_IN_VERB, KEELSON_IN_GROUP, KEELSON_IN_VERSION, KEELSON_IN_RESOURCE,
  KEELSON_IN_SUBRESOURCE, KEELSON_IN_NAMESPACE, KEELSON_IN_NAME, KEELSON_IN_PATH, KEELSON_IN_KIND, KEELSON_IN_OBJECT, KEELSON_IN_OLD, KEELSON_IN_DRY_RUN
};
#define KEELSON_HOOK_DO_NOT_KEEP (UINT64_C(1) << 63)
enum { KEELSON_NO_OPINION = 0, KEELSON_ALLOW = 1, KEELSON_DENY = 2 };

typedef struct {
  uint32_t size;
  int32_t decision;
  int64_t number;          /* a score */
  /* Answers of "authorization" are kept until hook_changed(), by those fields i whose bit i is 0 here. */
  uint64_t independent;
  void* to;
  void (*text)(void* to, keelson_bytes reason);           /* a reason; beside DENY perhaps a whole Status */
  void (*body)(void* to, keelson_bytes body);             /* what the point's contract says; admission.mutate: the object */
  void (*warn)(void* to, keelson_bytes warning);          /* for the client */
  void (*write)(void* to, const keelson_write* write);    /* joins the commit that is being decided on */
} keelson_hook_answer;

/* How the owner of a point gets the answers; `status` != 0: that hook failed, `text` is its Status. 0: ask no more. */
typedef struct {
  void* to;
  int32_t (*put)(void* to, keelson_bytes plugin, keelson_status status, int32_t decision, int64_t number, keelson_bytes text, keelson_bytes body);
} keelson_hook_sink;

typedef struct keelson_host_v1 {
  uint32_t size, minor;
  /* --- objects --- */
  void (*retain)(void* host, keelson_object object);
  void (*release)(void* host, keelson_object object);
  void (*view)(void* host, keelson_object object, keelson_object_view* out);
  /* 1: found. `path` of field() is one of the kind's selectable fields. */
  int32_t (*label)(void* host, keelson_object object, keelson_bytes key, keelson_bytes* out);
  int32_t (*field)(void* host, keelson_object object, keelson_bytes path, keelson_bytes* out);
  int32_t (*finalizer)(void* host, keelson_object object, uint32_t index, keelson_bytes* out);   /* 1: found. By index below view.finalizer_count */
  /* --- reads: at least as new as the plugin's own last acknowledged write --- */
  keelson_status (*get)(void* host, keelson_call call, const keelson_kind* kind, const keelson_key* key, keelson_object* out, keelson_sink error);
  keelson_status (*list)(void* host, keelson_call call, const keelson_kind* kind, const keelson_query* query, keelson_object_sink out, keelson_sink error);
  /* All kinds that are served, as a JSON array of {group, version, kind, resource, namespaced, verbs, subresources, storageKey, declaredBy, custom}. */
  keelson_status (*kinds)(void* host, keelson_call call, keelson_sink out);
  /* --- writes: durable as the kind asks when they return --- */
  /* `stored` gets an owned reference to the object as stored, or null when the answer is no stored object; then its
   * JSON is put to `out`. On failure `out` gets the Status. */
  keelson_status (*write)(void* host, keelson_call call, const keelson_write* write, keelson_object* stored, keelson_sink out);
  /* All or nothing. */
  keelson_status (*transact)(void* host, keelson_call call, const keelson_write* writes, size_t count, keelson_sink error);
  /* Returns at once; the plugin's completion() gets `token`. Token 0 (minor 2): done by the end of the call, which fails with it. */
  keelson_status (*submit)(void* host, keelson_call call, const keelson_write* write, uint64_t token, keelson_sink error);
  /* --- what is recorded --- */
  /* `about`: an ObjectReference as JSON. Asynchronous, counted, bounded; never fails the caller. `component` empty: the declaration's. */
  void (*event)(void* host, keelson_call call, keelson_bytes about, int32_t warning, keelson_bytes reason, keelson_bytes note, keelson_bytes component);
  /* The same name and labels: the same number. 0: refused. */
  uint64_t (*metric)(void* host, const keelson_metric* metric);
  void (*record)(void* host, uint64_t metric, double value);   /* counter: add, gauge: set, histogram: observe */
  void (*log)(void* host, keelson_call call, int32_t level, keelson_bytes message);
  /* --- time and chance --- */
  int64_t (*unix_ns)(void* host);
  int64_t (*monotonic_ns)(void* host);
  uint64_t (*random_u64)(void* host);
  int32_t (*sleep)(void* host, keelson_call call, int64_t ns);   /* 1: slept. 0: cancelled before */
  int32_t (*cancelled)(void* host, keelson_call call);
  /* --- the plugin itself --- */
  /* A key of its configuration; 0 and nothing put: not set. 1: value was put. */
  int32_t (*config)(void* host, keelson_bytes key, keelson_sink out);
  /* Puts a key into the queue of controller number `controller` of the declaration, after `delay_ns`. */
  void (*enqueue)(void* host, uint32_t controller, const keelson_key* key, int64_t delay_ns);
  /* --- hooks (minor 1) --- */
  /* Asks all hooks of a point that this plugin declares, in their order; waits for each up to its deadline. `answers.put`
   * null: nobody is asked, 0 when there is somebody, else 404. */
  keelson_status (*ask)(void* host, keelson_call call, const keelson_hook_request* request, keelson_hook_sink answers, keelson_sink error);
  /* What hook number `hook` answered so far may not be used any more. */
  void (*hook_changed)(void* host, uint32_t hook);
  /* Minor 3: a request, as a client of this server would make it ("DELETE", "/apis/GROUP/VERSION/...", JSON or empty), to an API that an
   * APIService says another server has. 0: a 2xx, `out` gets its body; else `out` gets the Status: 404 nobody else serves that. */
  keelson_status (*pass_on)(void* host, keelson_call call, keelson_bytes method, keelson_bytes path, keelson_bytes body, keelson_sink out);
  /* Minor 4: transact() of each of several, each for itself: none waits for those before it. `counts`: how many of the writes are the first's, the second's ...
   * Returns when all were answered; `errors[i]` got the Status of the i-th if that failed. On failure none was begun. Null: this host has none. */
  keelson_status (*transact_each)(void* host, keelson_call call, const keelson_write* writes, const size_t* counts, size_t transactions, const keelson_sink* errors, keelson_sink error);
  /* Minor 4: submit() of each, tokens from `first_token` on; on failure of none. Patches, or creates of a subresource, alike but for key and body cost less in a row, and keep their order. */
  keelson_status (*submit_each)(void* host, keelson_call call, const keelson_write* writes, size_t count, uint64_t first_token, keelson_sink error);
} keelson_host_v1;

enum { KEELSON_NEXT_DONE = 0, KEELSON_NEXT_AGAIN = 1, KEELSON_NEXT_TERMINAL = 2 };
typedef struct {
  uint32_t size, kind;      /* AGAIN: after delay_ns. TERMINAL (with a failed status): no retry until something changes */
  int64_t delay_ns;
} keelson_next;

enum { KEELSON_ADDED = 0, KEELSON_MODIFIED = 1, KEELSON_DELETED = 2, KEELSON_SYNCED = 3 };

/* An answer to a streamed request: exactly one of respond (with writes after it), fail and forward. */
typedef struct {
  uint32_t size, reserved;
  void* to;
  void (*respond)(void* to, int32_t code, keelson_bytes content_type);
  int32_t (*write)(void* to, keelson_bytes bytes);   /* waits for a slow client; 0: it is gone */
  void (*fail)(void* to, keelson_status code, keelson_bytes status_json);
  void (*forward)(void* to, keelson_bytes host_port, keelson_bytes path_and_query);
  int32_t (*closed)(void* to);
} keelson_stream;

/* What start() declares, one JSON object; indices below are positions in its arrays:
 *   kinds        [CustomResourceDefinition as text, JSON or YAML, ...]
 *   controllers  [{name, kind: {group, version, resource} | null, workers, deadlineMs,
 *                  sources: [{kind: {...}, via: "self" | "owner" | "map", predicate: bool, name: only this one}, ...]}, ...]
 *   observers    [{kind: {...} | null, deletions: only these, linked: these of plain objects, whole: [storage key, ...]}, ...]   null: every kind
 *   tasks        [{name}, ...]
 *   routes       [{kind: {...}, subresource} | {path}, ...]   subresource "": the resource itself, of a kind of its own whose
 *                  annotation keelson.dev/served-verbs names the verbs; path: below /plugins/NAME/
 *   check        bool                                   check() answers
 *   component    name that its events are reported by
 *   hooks        [{point, name, mode: "worker" | "inline", order, deadlineMs, failurePolicy: "Fail" | "Ignore", required,
 *                  reinvoke, rules: [{operations, groups, resources: [text or "*", ...]}, ...]}, ...]
 *   points       [name, ...]                            its own
 *   rules        [{verbs, apiGroups, resources, resourceNames, nonResourceURLs}, ...]   what it may do beside what follows
 *                  from its kinds, controllers and observers
 *   requires     [capability, ...]: "transact", "submit", "hooks", "inline"; a host without one refuses the plugin */
typedef struct keelson_plugin_v1 {
  uint32_t size, minor;
  const char *name, *version;   /* name: a DNS label */
  /* On success puts the declaration, on failure the Status. */
  keelson_status (*start)(const keelson_host_v1* table, void* host, keelson_sink out, void** self);
  /* `object` null: absent, or the controller has no kind. */
  keelson_status (*reconcile)(void* self, keelson_call call, uint32_t controller, const keelson_key* key, keelson_object object, keelson_next* next, keelson_sink error);
  /* Puts "namespace/name" (or "/name") for each key that `object` concerns. */
  keelson_status (*map)(void* self, keelson_call call, uint32_t controller, uint32_t source, keelson_object object, keelson_sink keys);
  /* 1: let it through. old_state null: added; new_state null: deleted. */
  int32_t (*predicate)(void* self, uint32_t controller, uint32_t source, keelson_object old_state, keelson_object new_state);
  /* `kind_json` as one entry of host.kinds. */
  keelson_status (*observe)(void* self, keelson_call call, uint32_t observer, int32_t what, keelson_bytes kind_json, keelson_object now, keelson_object before);
  keelson_status (*task)(void* self, keelson_call call, uint32_t task, keelson_sink error);
  /* `request_json`: {method, path, query, ns, name, subresource, headers: [[k, v]], upgrade, user, verb, body}. */
  keelson_status (*serve)(void* self, keelson_call call, uint32_t route, keelson_bytes request_json, const keelson_stream* stream);
  void (*completion)(void* self, uint64_t token, keelson_status status, keelson_bytes status_json);
  /* Puts what is missing; nothing: ready. */
  keelson_status (*check)(void* self, keelson_sink out);
  /* No new calls come; calls under way are cancelled. Returns when the plugin holds nothing more of the host. */
  keelson_status (*drain)(void* self, int64_t deadline_ns);
  void (*destroy)(void* self);
  /* Minor 1. A status != 0: it could not answer. An inline hook calls no host function that may wait; none of an admission
   * point writes otherwise than by its answer, and what it reads by get() has to hold until the commit. */
  keelson_status (*hook)(void* self, keelson_call call, uint32_t hook, const keelson_hook_request* request, keelson_hook_answer* answer, keelson_sink error);
} keelson_plugin_v1;

/* The one exported symbol. The table is static. */
typedef const keelson_plugin_v1* (*keelson_plugin_entry)(void);
const keelson_plugin_v1* keelson_plugin_entry_v1(void);

#ifdef __cplusplus
}
#endif
#endif
