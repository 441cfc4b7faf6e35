#include "core/plugins/hook_fields.hpp"

#include <boost/json/serialize.hpp>

#include "core/base/json_text.hpp"

namespace keelson::plugins {
namespace {

void append_groups(std::string& out, const auth::Identity& user) {
  for (std::size_t i = 0; i < user.groups.size(); ++i) {
    if (i > 0) out += '\n';
    out += user.groups[i];
  }
}

/// Upstream's `extra`: an object of lists of strings.
void append_extra(std::string& out, const auth::Identity& user) {
  if (user.extra.empty()) return;
  out += '{';
  for (auto entry = user.extra.begin(); entry != user.extra.end(); ++entry) {
    if (entry != user.extra.begin()) out += ',';
    base::append_json_string(out, entry->first);
    out += ":[";
    for (std::size_t i = 0; i < entry->second.size(); ++i) {
      if (i > 0) out += ',';
      base::append_json_string(out, entry->second[i]);
    }
    out += ']';
  }
  out += '}';
}

bool append_user_field(std::string& out, const auth::Identity* user, std::size_t index) {
  switch (index) {
    case KEELSON_IN_USER: if (user) out += user->name; return true;
    case KEELSON_IN_UID: if (user) out += user->uid; return true;
    case KEELSON_IN_GROUPS: if (user) append_groups(out, *user); return true;
    case KEELSON_IN_EXTRA: if (user) append_extra(out, *user); return true;
    default: return false;
  }
}

}  // namespace

void append_authorization_field(std::string& out, const auth::Attributes& attributes, std::size_t index) {
  if (append_user_field(out, attributes.user, index)) return;
  switch (index) {
    case KEELSON_IN_VERB: out += attributes.verb; return;
    case KEELSON_IN_GROUP: out += attributes.group; return;
    case KEELSON_IN_VERSION: out += attributes.version; return;
    case KEELSON_IN_RESOURCE: out += attributes.resource; return;
    case KEELSON_IN_SUBRESOURCE: out += attributes.subresource; return;
    case KEELSON_IN_NAMESPACE: out += attributes.ns; return;
    case KEELSON_IN_NAME: out += attributes.name; return;
    case KEELSON_IN_PATH: if (!attributes.resource_request) out += attributes.path; return;
    default: return;
  }
}

std::vector<std::string> authorization_fields(const auth::Attributes& attributes) {
  std::vector<std::string> fields(kAuthorizationFields);
  for (std::size_t i = 0; i < fields.size(); ++i) append_authorization_field(fields[i], attributes, i);
  return fields;
}

std::string_view operation_name(auth::AdmissionRequest::Operation operation) {
  switch (operation) {
    case auth::AdmissionRequest::Operation::create: return "CREATE";
    case auth::AdmissionRequest::Operation::update: return "UPDATE";
    case auth::AdmissionRequest::Operation::remove: return "DELETE";
    case auth::AdmissionRequest::Operation::connect: return "CONNECT";
  }
  return "";
}

std::vector<std::string> admission_fields(const auth::AdmissionRequest& request) {
  std::vector<std::string> fields(kAdmissionFields);
  for (std::size_t i = KEELSON_IN_USER; i <= KEELSON_IN_EXTRA; ++i) append_user_field(fields[i], request.user, i);
  fields[KEELSON_IN_VERB] = operation_name(request.operation);
  fields[KEELSON_IN_GROUP] = request.kind->group;
  fields[KEELSON_IN_VERSION] = request.kind->version;
  fields[KEELSON_IN_RESOURCE] = request.kind->resource;
  fields[KEELSON_IN_SUBRESOURCE] = request.subresource;
  fields[KEELSON_IN_NAMESPACE] = request.ns;
  fields[KEELSON_IN_NAME] = request.name;
  fields[KEELSON_IN_KIND] = (request.form ? *request.form : *request.kind).kind;
  if (request.old) fields[KEELSON_IN_OLD] = boost::json::serialize(*request.old);
  if (request.dry_run) fields[KEELSON_IN_DRY_RUN] = "true";
  return fields;
}

}  // namespace keelson::plugins
