// Scenarios: tests as data. A YAML file is a list of steps against a Cluster; adding a case needs no C++.
//
//   seed: 7                      # optional; also `config: {nodeName: n1}`
//   steps:
//     - load: deployment                       # or a list
//     - apply: |                               # documents; or applyFile: a path beside the scenario
//         ...
//     - patch: {kind: Pod, name: web-0, status: {phase: Running}}     # merge patch of object and status
//     - patch: {kind: Deployment, name: web, subresource: scale, spec: {replicas: 2}}
//     - delete: {kind: Pod, name: web-0, propagation: Foreground, gracePeriodSeconds: 0}
//     - settle                                 # until nothing goes on without time
//     - advance: 10s                           # ms, s, m, h
//     - unload: deployment
//     - restart                                # all plugins, as after a new start of the server
//     - inject: {conflicts: 0.2, writeDelay: 50ms}       # from now on; {}: no more
//     - dropWatches                            # every plugin loses the stream of changes once
//     - crash                                  # of the server, with all that is under way
//     - expect: {kind: Deployment, name: web, match: {status: {readyReplicas: 3}}, within: 30s}
//     - expect: {kind: Pod, labels: app=web, count: 3, match: {...}}  # each of them
//     - expect: {kind: Pod, where: {status: {phase: Running}}, atLeast: 2, atMost: 3}    # counts those that match `where`
//     - expect: {kind: Pod, name: web-0, absent: true}
//     - expect: {kind: Pod, ..., throughout: 30s}                     # holds now and all that time
//     - keep: {as: owner, kind: Pod, name: web-0, path: /metadata/uid}     # later steps say ${owner}
//     - refuse: {apply: |..., message: "part of it"}                  # has to fail
//
// What `match` and `where` understand: mismatch() in documents.hpp.
// `namespace` defaults to "default"; for lists it narrows when given. Every expectation settles first.
// Errors: Failure naming file, step number and what was found instead.
#pragma once
#include <string>

namespace keelson::testing {

/// Runs one file; plugins come from `plugin_directory`. Throws Failure.
void run_scenario(const std::string& file, const std::string& plugin_directory);

}  // namespace keelson::testing
