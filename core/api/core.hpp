// Core: what all calls share, and the parts of the API layer by topic. Private to core/api.
#pragma once
#include <memory>
#include <mutex>
#include <string>

#include "core/api/api.hpp"
#include "core/api/call.hpp"
#include "core/api/discovery.hpp"
#include "core/api/documents.hpp"
#include "core/api/encodings.hpp"
#include "core/api/observe.hpp"

namespace keelson::api {

using CallRef = std::shared_ptr<Call>;

struct Core {
  explicit Core(ApiParts given) : parts(given), observer(std::make_shared<Observer>(parts.runtime, parts.metrics)), overdue(std::make_shared<Overdue>(parts.runtime)), discovery(parts.server_address), encodings(parts.runtime, parts.verbs) {}
  ApiParts parts;
  std::shared_ptr<Observer> observer;   // calls may outlive the Core
  std::shared_ptr<Overdue> overdue;     // as above
  Discovery discovery;
  Documents documents;
  Encodings encodings;
};

// --- resources (the call has its kind and form) ---
void answer_get(const CallRef& call);
void answer_list(const CallRef& call);
void answer_watch(const CallRef& call);
void answer_create(const CallRef& call);
void answer_update(const CallRef& call);
void answer_patch(const CallRef& call);
void answer_delete(const CallRef& call);
void answer_delete_collection(const CallRef& call);
/// A subresource, or a whole resource, that a plugin serves; false: nobody does.
bool answer_stream(const CallRef& call);
/// Who does; null: nobody.
std::shared_ptr<plugins::RouteHandler> route_of(const Call& call);
/// A path, authorized already, that a plugin serves; false: nobody does.
bool answer_plugin_path(const CallRef& call);
/// SelfSubjectAccessReview and its like, which are answered and never stored; false: the URL is none.
bool answer_review(const CallRef& call);

/// 405 for a method that has no route, which names no kind.
base::Error method_not_routed();

// --- the rest ---
void answer_path(const CallRef& call);

/// A list's head up to "items":[ , given what it is called.
std::string list_prefix(std::string_view kind, std::string_view api_version, const verbs::Listed& listed);
/// The body of a listed set in the call's form. `stored`: the objects are what is stored under their revisions.
void send_list(const CallRef& call, verbs::Listed listed, bool stored);

}  // namespace keelson::api
