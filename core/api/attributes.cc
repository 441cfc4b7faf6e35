#include "core/api/attributes.hpp"

#include "core/api/core.hpp"

namespace keelson::api {

auth::Attributes attributes_of(const RequestInfo& info, const auth::Identity* user) {
  auth::Attributes attributes;
  attributes.user = user;
  attributes.verb = info.verb;
  attributes.resource_request = info.resource_request;
  attributes.path = info.path;
  attributes.group = info.group;
  attributes.version = info.version;
  attributes.resource = info.resource;
  attributes.subresource = info.subresource;
  attributes.ns = info.ns;
  attributes.name = info.name;
  return attributes;
}

bool permitted(Call& call, const auth::Attributes& attributes) {
  const auto verdict = call.core.parts.chains.authorize(attributes);
  if (call.record) call.record->notes->decided(verdict);
  if (verdict.decision == auth::Decision::allow) return true;
  call.fail(auth::refusal(attributes, verdict.reason));
  return false;
}

}  // namespace keelson::api
