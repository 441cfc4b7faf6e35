#include "core/admission/review.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "core/admission/expressions.hpp"
#include "core/base/base64.hpp"
#include "core/base/json_text.hpp"
#include "core/kinds/engine.hpp"

namespace keelson::admission {
namespace {

constexpr std::string_view kGroup = "admission.k8s.io/";
/// What is no HTTP status of an error is none to a client either.
constexpr int kStatusCodeMin = 400, kStatusCodeMax = 599;

base::Error wrong(const std::string& why) { return base::raw_500("received invalid webhook response: " + why); }

std::string named_kind(const json::value& review) {
  const auto api_version = text_at(review, {"apiVersion"}), kind = text_at(review, {"kind"});
  const auto with_group = api_version.find('/') == std::string_view::npos ? "/" + std::string(api_version) : std::string(api_version);
  return with_group + ", Kind=" + std::string(kind);
}

base::Outcome<void> read_patch(const json::value& response, const std::string& version, ReviewAnswer& out) {
  const auto text = text_at(response, {"patch"}), type = text_at(response, {"patchType"});
  if (text.empty()) {
    if (!type.empty() && version == "v1") return wrong("webhook returned response.patchType but not response.patch");
    return {};
  }
  if (type.empty() && version == "v1") return wrong("webhook returned response.patch but not response.patchType");
  if (!type.empty() && type != "JSONPatch") return wrong("webhook returned invalid response.patchType of " + base::quoted(type));
  const auto bytes = base::base64_decode(text);
  auto patch = bytes ? kinds::parse(kinds::Media::json, *bytes, {}) : base::Outcome<json::value>(base::bad_request("illegal base64 data"));
  if (!patch) return base::raw_500("received undecodable patch in webhook response: " + patch.error().message);
  if (!patch->is_array()) return base::raw_500("received undecodable patch in webhook response: it is no list of operations");
  if (!patch->get_array().empty()) out.patch = std::move(*patch);
  return {};
}

}  // namespace

std::string review_version(const std::vector<std::string>& accepted) {
  for (const auto& version : accepted)
    if (version == "v1" || version == "v1beta1") return version;
  return {};
}

std::string review_text(const AdmissionRequest& request, const kinds::Kind& as, const std::string& version, const std::string& uid) {
  json::object asked{{"uid", uid}};
  for (auto& [key, value] : describe(request, as)) asked[key] = std::move(value);
  asked["object"] = request.object ? shown(request, as, *request.object) : json::value();
  asked["oldObject"] = request.old ? shown(request, as, *request.old) : json::value();
  if (!asked.contains("options")) asked["options"] = nullptr;
  return json::serialize(json::object{{"kind", "AdmissionReview"}, {"apiVersion", std::string(kGroup) + version}, {"request", std::move(asked)}});
}

base::Outcome<ReviewAnswer> read_review(std::string_view body, const std::string& version, const std::string& uid, bool mutating) {
  auto review = kinds::parse(kinds::Media::json, body, {});
  if (!review) return base::raw_500("failed to call webhook: couldn't get version/kind; json parse error: " + review.error().message);
  const std::string expected = std::string(kGroup) + version + ", Kind=AdmissionReview";
  if (version == "v1" && named_kind(*review) != expected) return wrong("expected webhook response of " + expected + ", got " + named_kind(*review));
  const auto* response = find(*review, {"response"});
  if (!response || !response->is_object()) return wrong("webhook response was absent");
  const auto given = text_at(*response, {"uid"});
  if (version == "v1" && given != uid) return wrong("expected response.uid=" + base::quoted(uid) + ", got " + base::quoted(given));
  ReviewAnswer out;
  out.allowed = flag_at(*response, {"allowed"});
  if (mutating) {
    if (auto patch = read_patch(*response, version, out); !patch) return patch.error();
  } else if (version == "v1") {
    if (!text_at(*response, {"patch"}).empty()) return wrong("validating webhook may not return response.patch");
    if (!text_at(*response, {"patchType"}).empty()) return wrong("validating webhook may not return response.patchType");
  }
  if (const auto* status = find(*response, {"status"})) out.status = *status;
  out.warnings = texts_at(*response, {"warnings"});
  if (const auto* annotations = find(*response, {"auditAnnotations"}); annotations && annotations->is_object())
    for (const auto& [key, value] : annotations->get_object())
      if (const auto* text = value.if_string()) out.annotations.emplace_back(key, *text);
  return out;
}

base::Error rejection(const AdmissionRequest& request, const std::string& webhook, const json::value& status) {
  const auto message = text_at(status, {"message"}), reason = text_at(status, {"reason"});
  const auto& kind = *request.kind;
  const std::string name = request.name.empty() ? "Unknown" : request.name;
  base::Error out;
  const auto code = integer_at(status, {"code"});
  out.code = code == 0 ? 403 : static_cast<int>(std::clamp<std::int64_t>(code, kStatusCodeMin, kStatusCodeMax));
  const bool internal = out.code == 500;
  std::string why = "admission webhook " + base::quoted(webhook) + " denied the request";
  if (!message.empty()) why += ": " + std::string(message);
  else if (!reason.empty()) why += ": " + std::string(reason);
  else why += " without explanation";
  out.reason = !reason.empty() ? std::string(reason) : internal ? "InternalError" : "Forbidden";
  out.message = (internal ? "Internal error occurred" : base::qualified(kind.group, kind.resource) + " " + base::quoted(name) + " is forbidden") + ": " + why;
  const auto* details = find(status, {"details"});
  if (!details || !details->is_object()) {
    if (internal) out.causes.push_back({"", why, ""});
    else out.group = kind.group, out.kind = kind.resource, out.name = name;
    return out;
  }
  out.group = text_at(*details, {"group"});
  out.kind = text_at(*details, {"kind"});
  out.name = text_at(*details, {"name"});
  out.uid = text_at(*details, {"uid"});
  out.retry_after_s = static_cast<int>(std::clamp<std::int64_t>(integer_at(*details, {"retryAfterSeconds"}), 0, INT32_MAX));
  if (const auto* causes = list_at(*details, {"causes"}))
    for (const auto& cause : *causes) out.causes.push_back({std::string(text_at(cause, {"reason"})), std::string(text_at(cause, {"message"})), std::string(text_at(cause, {"field"}))});
  return out;
}

}  // namespace keelson::admission
