#include "core/verbs/unreadable.hpp"

namespace keelson::verbs {
namespace {

std::string place_of(const kinds::Kind& kind, const store::Key& key) { return "/registry/" + kind.resource + "/" + (key.ns.empty() ? "" : key.ns + "/") + key.name; }

std::string storage_error(const kinds::Kind& kind, const store::Object& object) {
  return "StorageError: corrupt object, Code: 7, Key: " + place_of(kind, object.key()) + ", ResourceVersion: 0, AdditionalErrorMsg: " + store::why_unreadable(object);
}

}  // namespace

base::Error unreadable(const kinds::Kind& kind, const store::Object& object) { return base::internal(storage_error(kind, object)); }

base::Cause unreadable_cause(const kinds::Kind& kind, const store::Object& object) { return {"UnexpectedServerResponse", storage_error(kind, object), place_of(kind, object.key())}; }

base::Error unreadable_list(const kinds::Kind& kind, std::vector<base::Cause> causes) {
  if (causes.size() > kUnreadableNamedMax) {
    causes.resize(kUnreadableNamedMax);
    causes.push_back({"FieldValueTooMany", "too many errors, the list is truncated", ""});
  }
  auto error = base::internal("");
  error.reason = "StorageReadError";
  error.message = "failed to read one or more " + base::qualified(kind.group, kind.resource) + " from the storage";
  error.group = kind.group;
  error.kind = kind.resource;
  error.name = "list";
  error.causes = std::move(causes);
  return error;
}

}  // namespace keelson::verbs
