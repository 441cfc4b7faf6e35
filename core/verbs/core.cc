#include "core/verbs/core.hpp"

#include "core/audit/notes.hpp"
#include "core/auth/node.hpp"
#include "core/kinds/body_kinds.hpp"
#include "core/kinds/convert/convert.hpp"
#include "core/verbs/unreadable.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>

namespace keelson::verbs {

namespace {

/// A namespace is in itself: who may read all in it may read it.
bool names_a_namespace(const kinds::Kind& kind, std::string_view verb) {
  return kind.storage_key.text() == "namespaces" && verb != "list" && verb != "watch" && verb != "deletecollection";
}

/// "plugin website".
std::string declarer(const kinds::Kind& kind) {
  auto name = kind.declared_by;
  std::replace(name.begin(), name.end(), ':', ' ');
  return name;
}

bool offers(const std::vector<std::string>& verbs, std::string_view verb) { return std::find(verbs.begin(), verbs.end(), verb) != verbs.end(); }

/// Columns that have one value in all that is selected: "spec.nodeName=n1".
std::vector<std::string> fixed_fields(const kinds::Kind& kind, const watch::Selector& selector) {
  std::vector<std::string> out;
  for (const auto& field : selector.fields)
    if (field.target == watch::FieldRequirement::Target::column && !field.negated && field.column < kind.selectable_fields.size())
      out.push_back(kind.selectable_fields[field.column] + "=" + field.value);
  return out;
}

/// What is stored and cannot be read is the server's fault, not the client's.
base::Error broken(const store::Object& object, const base::Error& why) {
  const auto& key = object.key();
  return base::internal("stored object " + std::string(key.resource.text()) + " " + key.ns + "/" + key.name + " cannot be read: " + why.message);
}

}  // namespace

base::Outcome<void> Core::admit(const Context& context, const Target& target, std::string_view verb, bool authorize, const watch::Selector* selector) const {
  const auto& kind = *target.kind;
  if (authorize) {
    auth::Attributes attributes;
    attributes.user = &context.user;
    attributes.verb = verb;
    attributes.group = kind.group;
    attributes.version = kind.version;
    attributes.resource = kind.resource;
    attributes.subresource = target.subresource;
    attributes.ns = names_a_namespace(kind, verb) ? target.name : target.ns;
    attributes.name = target.name;
    if (selector) attributes.path = auth::selecting(fixed_fields(kind, *selector));
    // A list of one name is about that object, as upstream has it.
    if (const auto* one = selector && target.name.empty() ? selector->fixed_name() : nullptr) attributes.name = *one;
    const auto verdict = parts.chains.authorize(attributes);
    if (context.notes) context.notes->decided(verdict);
    if (verdict.decision != auth::Decision::allow) return auth::refusal(attributes, verdict.reason);
  }
  if (target.subresource.empty()) {
    if (!kind.allows(verb) && !kinds::definition_ends(kind)) return base::method_not_allowed(kind.group, kind.resource, verb);
  } else {
    const auto* subresource = kind.subresource(target.subresource);
    if (!subresource) return base::no_such_resource();
    if (!offers(subresource->verbs, verb)) return base::method_not_allowed(kind.group, kind.resource + "/" + target.subresource, verb);
  }
  // What is being deleted may still be changed: somebody has to be able to take away the finalizer of a plugin that is gone.
  const auto deleting = [&] {
    const auto held = parts.store.snapshot().get(key_of(target));
    return held && held->deleting();
  };
  const bool changes = verb == "update" || verb == "patch";
  if (!kind.writable && (verb == "create" || (changes && !deleting()))) return base::unavailable("the " + declarer(kind) + " that serves " + base::qualified(kind.group, kind.resource) + " is not running");
  return {};
}

kinds::KindRef Core::storage_kind(const Target& target) const {
  auto kind = parts.registry.current()->by_storage_key(target.kind->storage_key);
  return kind ? kind : target.kind;
}

base::Outcome<json::value> Core::decoded(const kinds::Kind& kind, const store::Object& object, json::storage_ptr memory) const {
  if (store::is_unreadable(object)) return unreadable(kind, object);
  auto value = kinds::parse(kinds::Media::json, object.body(), std::move(memory));
  if (!value) return broken(object, value.error());
  if (object.columns().schema_epoch == kind.schema_epoch) return value;
  kinds::convert(kind, *value);
  auto current = kinds::decode_value(kind, std::move(*value), kinds::FieldValidation::ignore);
  if (!current) return broken(object, current.error());
  kinds::apply_defaults(kind, current->object);
  return std::move(current->object);
}

store::Key key_of(const Target& target) { return {target.kind->storage_key, target.kind->namespaced ? target.ns : std::string(), target.name}; }

store::ObjectRef synthesized(json::value object, const store::Columns& columns, store::Revision revision) {
  // A stand-in of the slot's length, found again in the text: no value can contain its closing quote unescaped.
  const std::string stand_in(store::kRevisionSlotBytes - 1, '#');
  object_at(object, {"metadata"})["resourceVersion"] = stand_in;
  std::string body = json::serialize(object);
  const std::string marker = "\"resourceVersion\":\"" + stand_in + "\"";
  const std::size_t offset = body.find(marker) + marker.size() - stand_in.size() - 1;
  return store::Draft(columns, body, offset).freeze(revision);
}

}  // namespace keelson::verbs
