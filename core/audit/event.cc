#include "core/audit/event.hpp"

#include <boost/json/serialize.hpp>

#include "core/base/json_text.hpp"
#include "core/base/json_value.hpp"
#include "core/base/runtime.hpp"

namespace keelson::audit {
namespace {

namespace json = boost::json;

/// Members of one object; empty texts are left out.
class Members {
 public:
  explicit Members(std::string& out) : out_(out) { out_ += '{'; }
  std::string& key(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    base::append_json_string(out_, name);
    out_ += ':';
    return out_;
  }
  void text(std::string_view name, std::string_view value) {
    if (!value.empty()) base::append_json_string(key(name), value);
  }
  void texts(std::string_view name, const std::vector<std::string>& values) {
    if (values.empty()) return;
    auto& out = key(name);
    out += '[';
    for (const auto& value : values) {
      if (out.back() != '[') out += ',';
      base::append_json_string(out, value);
    }
    out += ']';
  }
  void end() { out_ += '}'; }

 private:
  std::string& out_;
  bool first_ = true;
};

void append_user(std::string& out, const auth::Identity& user) {
  Members members(out);
  members.text("username", user.name);
  members.text("uid", user.uid);
  members.texts("groups", user.groups);
  if (!user.extra.empty()) {
    Members extra(members.key("extra"));
    for (const auto& [key, values] : user.extra) extra.texts(key, values);
    extra.end();
  }
  members.end();
}

void append_reference(std::string& out, const Record& record) {
  Members members(out);
  members.text("resource", record.resource);
  members.text("namespace", record.ns);
  members.text("name", record.name);
  members.text("uid", record.uid);
  members.text("apiGroup", record.group);
  members.text("apiVersion", record.version);
  members.text("subresource", record.subresource);
  members.end();
}

void append_status(std::string& out, const Record& record) {
  Members members(out);
  members.key("metadata") += "{}";
  members.text("status", record.status);
  members.text("message", record.message);
  members.text("reason", record.reason);
  members.key("code") += std::to_string(record.code);
  members.end();
}

void forget_managers(json::value& value) {
  auto* object = value.if_object();
  if (!object) return;
  if (auto* metadata = object->if_contains("metadata"); metadata && metadata->is_object()) metadata->get_object().erase("managedFields");
  if (auto* items = object->if_contains("items"); items && items->is_array())
    for (auto& item : items->get_array()) forget_managers(item);
}

std::string json_of(const Content& content, const ReadBody& read_body) {
  if (content.object) return std::string(content.object->body());
  if (!content.list) return content.media.empty() ? content.bytes : read_body(content.media, content.bytes);
  auto text = content.bytes;
  for (const auto& item : content.items) {
    if (text.back() != '[') text += ',';
    text += item->body();
  }
  return text + "]}";
}

/// Parsed and printed anew, so that it is one line whatever was sent; nothing for what is no JSON.
void append_content(Members& members, std::string_view name, const Content& content, bool omit_managed_fields, const ReadBody& read_body) {
  if (content.empty()) return;
  const auto text = json_of(content, read_body);
  boost::system::error_code broken;
  auto value = base::json_of(text, broken);
  if (broken) return;
  if (omit_managed_fields) forget_managers(value);
  members.key(name) += json::serialize(value);
}

}  // namespace

bool Record::secret() const {
  if (group.empty()) return resource == "secrets" || (resource == "serviceaccounts" && subresource == "token");
  return group == "authentication.k8s.io" && resource == "tokenreviews";
}

void append_event(std::string& out, const Record& record, Stage stage, std::int64_t stage_unix_us, const ReadBody& read_body) {
  Members event(out);
  event.text("kind", "Event");
  event.text("apiVersion", "audit.k8s.io/v1");
  event.text("level", text_of(record.plan.level));
  event.text("auditID", record.id);
  event.text("stage", text_of(stage));
  event.text("requestURI", record.uri);
  event.text("verb", record.verb);
  append_user(event.key("user"), record.user);
  if (record.impersonated) append_user(event.key("impersonatedUser"), *record.impersonated);
  event.texts("sourceIPs", record.source_ips);
  event.text("userAgent", record.user_agent);
  if (record.resource_request) append_reference(event.key("objectRef"), record);
  if (stage != Stage::request_received && record.code != 0) append_status(event.key("responseStatus"), record);
  if (stage != Stage::request_received) append_content(event, "requestObject", record.request, record.plan.omit_managed_fields, read_body);
  if (stage != Stage::request_received) append_content(event, "responseObject", record.response, record.plan.omit_managed_fields, read_body);
  event.text("requestReceivedTimestamp", base::rfc3339_micro(record.received_unix_us));
  event.text("stageTimestamp", base::rfc3339_micro(stage_unix_us));
  if (const auto annotations = record.notes ? record.notes->annotations() : Notes::Annotations(); !annotations.empty()) {
    Members members(event.key("annotations"));
    for (const auto& [key, value] : annotations) base::append_json_string(members.key(key), value);
    members.end();
  }
  event.end();
  out += '\n';
}

}  // namespace keelson::audit
