#include "core/api/turns.hpp"

#include <algorithm>

#include "core/api/options.hpp"
#include "core/fairness/fairness.hpp"

namespace keelson::api {
namespace {

/// Whether a watch begins with all that is there: it keeps its seats until that is collected.
bool begins_with_all(const Call& call) {
  if (truthy(call.query, "sendInitialEvents")) return true;
  const auto revision = call.query.get("resourceVersion");
  return revision.empty() || revision == "0";
}

int seats_of(const Call& call) {
  const auto& verb = call.info.verb;
  if (!call.info.resource_request || (verb != "list" && !(verb == "watch" && begins_with_all(call)))) return 1;
  const auto kind = call.core.parts.registry.current()->find(call.info.group, call.info.version, call.info.resource);
  if (!kind) return 1;
  auto objects = static_cast<std::int64_t>(call.core.parts.store.snapshot().count(kind->storage_key));
  // What is selected is known only when all was looked at.
  const bool selects = call.query.has("labelSelector") || call.query.has("fieldSelector");
  const auto limit = std::atoll(std::string(call.query.get("limit")).c_str());
  if (limit > 0 && !selects) objects = std::min<std::int64_t>(objects, limit);
  return static_cast<int>(std::clamp<std::int64_t>((objects + kObjectsPerSeat - 1) / kObjectsPerSeat, 1, kListSeatsMax));
}

void refuse(Call& call) {
  call.send(429, "text/plain; charset=utf-8", http::text_payload("Too many requests, please try again later.\n"), {{"Retry-After", std::to_string(fairness::kRetryAfter_s)}});
}

}  // namespace

Entry take_turn(const CallRef& call, const auth::Attributes& asked) {
  call->turn = call->core.parts.fairness->turn(asked, seats_of(*call));
  if (!call->turn || call->turn->state() == fairness::Turn::State::now) return Entry::now;
  if (call->turn->state() == fairness::Turn::State::must_wait) return Entry::waits;
  return refuse(*call), Entry::refused;
}

void wait_for_turn(const CallRef& call, std::function<void()> go_on) {
  const bool waits = call->turn->wait([call, go_on = std::move(go_on)](bool admitted) {
    call->responder->post([call, admitted, go_on] {
      if (call->answered() || call->responder->gone()) return call->turn->release();
      if (admitted) go_on();
      else refuse(*call);
    });
  });
  if (!waits) refuse(*call);
}

}  // namespace keelson::api
