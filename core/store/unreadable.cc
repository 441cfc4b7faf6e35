#include "core/store/unreadable.hpp"

#include "core/base/json_text.hpp"

namespace keelson::store {

ObjectRef make_unreadable(const Key& key, Revision revision, std::string_view why) {
  Columns columns;
  columns.key = key;
  columns.schema_epoch = kUnreadableEpoch;
  columns.fields.emplace_back(why);   // the values of selectable fields, which nobody knows, are not asked for
  std::string body = R"({"metadata":{"name":)";
  base::append_json_string(body, key.name);
  if (!key.ns.empty()) {
    body += R"(,"namespace":)";
    base::append_json_string(body, key.ns);
  }
  body += R"(,"resourceVersion":")";
  const std::size_t slot = body.size();
  body.append(kRevisionSlotBytes, ' ');
  body += "}}";
  return Draft(columns, body, slot).freeze(revision);
}

std::string why_unreadable(const Object& object) { return object.columns().fields.empty() ? std::string() : std::string(object.columns().fields.front()); }

}  // namespace keelson::store
