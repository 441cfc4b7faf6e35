// Record: what is known of one request on its way, for its audit events.
//
// Threads: owned by the request, whose thread alone changes it; events get copies. Ownership: values and counted references.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/audit/notes.hpp"
#include "core/audit/policy.hpp"
#include "core/store/object.hpp"

namespace keelson::audit {

/// A body as it was at hand: printed later, on the writing thread.
struct Content {
  std::string media;                       ///< Content-Type of `bytes`; empty: JSON
  std::string bytes;
  store::ObjectRef object;                 ///< instead of `bytes`
  std::vector<store::ObjectRef> items;     ///< behind `bytes`, a list's head up to "items":[
  bool list = false;
  bool empty() const { return bytes.empty() && !object; }
};

class Audit;

struct Record {
  Plan plan;
  std::string id, uri, verb, user_agent;
  std::vector<std::string> source_ips;
  auth::Identity user;
  std::optional<auth::Identity> impersonated;
  bool resource_request = false;
  std::string group, version, resource, subresource, ns, name, uid;
  std::int64_t received_unix_us = 0;
  Content request, response;
  int code = 0;                            ///< 0: no answer yet
  std::string status, message, reason;     ///< of a Status that was answered
  bool panicked = false;
  NotesRef notes;
  std::shared_ptr<Audit> audit;            ///< set by whoever outlives its server

  /// Bodies of these name secrets themselves: they are kept at RequestResponse only.
  bool secret() const;
  bool keeps_request() const { return plan.level == Level::request_response || (plan.level == Level::request && !secret()); }
  bool keeps_response() const { return plan.level == Level::request_response; }
};

}  // namespace keelson::audit
