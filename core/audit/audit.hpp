// Audit: the audit log of a server. The policy is asked when a request is known by its user; what it keeps is handed to one
// writing thread, which alone parses, prints and writes.
//
// Invariants: a request's thread does no I/O and waits for nobody. The queue is bounded by kQueueEventsMax and kQueueBytesMax:
//   when it is full, or the file cannot be written, events are dropped, counted (apiserver_audit_error_total) and the server
//   says so in its log; requests go on. stop() writes what is queued. Bodies of secrets and tokens are kept at
//   RequestResponse only.
// Threads: plan(), begin() and at() from any thread. Ownership: shared by the requests; after stop() they leave nothing.
#pragma once
#include <memory>
#include <string>

#include "core/audit/event.hpp"
#include "core/audit/log_file.hpp"
#include "core/base/metrics.hpp"
#include "core/base/runtime.hpp"

namespace keelson::audit {

inline constexpr std::size_t kQueueEventsMax = 10'000;
inline constexpr std::size_t kQueueBytesMax = 32u << 20;

/// A request as its record begins; everything is copied from what the policy keeps.
struct Request {
  const auth::Attributes& attributes;
  std::string_view id, path, query, user_agent, remote;
};

class Audit {
 public:
  virtual ~Audit() = default;
  /// What the policy keeps of such a request, to be asked once for each; none: nothing is begun.
  virtual Plan plan(const auth::Attributes& attributes) = 0;
  /// The RequestReceived event is on its way. `plan`: not none.
  virtual std::unique_ptr<Record> begin(const Plan& plan, const Request& request) = 0;
  /// The record has come to `stage`; nothing happens when the policy omits that.
  virtual void at(Stage stage, const Record& record) = 0;
  virtual void stop() = 0;
};

struct AuditOptions {
  Policy policy;
  LogFileOptions file;
  ReadBody read_body;
};
base::Outcome<std::shared_ptr<Audit>> make_audit(AuditOptions options, base::Runtime& runtime, base::Metrics& metrics);

}  // namespace keelson::audit
