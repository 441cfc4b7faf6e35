#include "core/api/auditing.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "core/api/core.hpp"
#include "core/api/impersonation.hpp"
#include "core/audit/audit.hpp"

namespace keelson::api {

void begin_audit(Call& call, const auth::Attributes& asked) {
  const auto& info = call.info;
  const auto plan = call.core.parts.audit->plan(asked);
  if (plan.level == audit::Level::none) return;
  call.record = call.core.parts.audit->begin(plan, {asked, call.context.request_id, call.request.path, call.request.query, call.request.header("User-Agent"), call.request.remote});
  call.record->audit = call.core.parts.audit;
  call.context.notes = call.record->notes;
  if (call.record->keeps_request() && info.resource_request && !call.request.body.empty()) {
    const auto media = call.request.header("Content-Type");
    call.record->request.media = media.empty() ? "application/json" : std::string(media);
    call.record->request.bytes = call.request.body;
  }
}

void audit_failure(audit::Record& record, const base::Error& error) {
  record.status = "Failure";
  record.reason = error.reason;
  // What is wrong with a body may quote it.
  const bool quotes = record.secret() && !record.keeps_response() && (error.code == 400 || error.code == 422);
  record.message = quotes ? std::string() : error.message;
}

void audit_object(audit::Record& record, const store::ObjectRef& object) {
  if (record.subresource.empty()) {
    if (record.name.empty()) record.name = object->key().name;
    record.uid = object->columns().uid;
  }
  if (record.keeps_response()) record.response.object = object;
}

void audit_started(Call& call, int status) {
  call.record->code = status;
  call.record->audit->at(audit::Stage::response_started, *call.record);
}

void audit_ended(Call& call, int status) {
  call.record->code = status;
  call.record->audit->at(call.record->panicked ? audit::Stage::panic : audit::Stage::response_complete, *call.record);
}

std::string audited_body(const std::string& media, const std::string& bytes) {
  if (media.find("+json") != std::string::npos) return bytes;
  if (media.find("+yaml") != std::string::npos) {
    const auto value = kinds::parse(kinds::Media::yaml, bytes, {});
    return value ? boost::json::serialize(*value) : std::string();
  }
  auto body = read_body(media, bytes);
  if (!body) return {};
  if (body->media == kinds::Media::json) return std::move(body->bytes);
  const auto value = kinds::parse(body->media, body->bytes, {});
  return value ? boost::json::serialize(*value) : std::string();
}

}  // namespace keelson::api
