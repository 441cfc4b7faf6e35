// Objects of a kind: decoding, protobuf, the patches, server-side apply, definitions of custom resources.
#include "tests/fuzz/kinds.hpp"

#include <boost/json.hpp>

#include "core/kinds/convert/convert.hpp"
#include "core/kinds/engine.hpp"
#include "core/kinds/json_equal.hpp"
#include "core/kinds/managed/created_fields.hpp"
#include "core/kinds/managed/managed_fields.hpp"
#include "core/kinds/managed/typed.hpp"
#include "core/kinds/patch/patch.hpp"
#include "core/kinds/patch/patch_reading.hpp"
#include "core/kinds/protobuf/protobuf.hpp"
#include "core/kinds/stamps.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace keelson::fuzz {

namespace json = boost::json;

namespace {

constexpr std::int64_t kNow_unix_s = 1'714'557'600;

struct BuiltIn {
  const std::unique_ptr<kinds::Registry> registry = kinds::make_registry();
  const kinds::CatalogRef all = registry->current();
};

}  // namespace

const kinds::CatalogRef& catalog() {
  static const BuiltIn built_in;
  return built_in.all;
}

kinds::KindRef kind_of(std::string_view group, std::string_view version, std::string_view kind) { return catalog()->by_kind(group, version, kind); }

kinds::KindRef kind_at(unsigned char which) {
  // The richest first, by letters that stand in a corpus.
  switch (which) {
    case 'P': return kind_of("", "v1", "Pod");
    case 'D': return kind_of("apps", "v1", "Deployment");
    case 'S': return kind_of("", "v1", "Service");
    case 'N': return kind_of("", "v1", "Node");
    case 'C': return kind_of("", "v1", "ConfigMap");
    default: return catalog()->all()[which % catalog()->all().size()];
  }
}

store::ObjectRef sample_object() {
  static const store::ObjectRef object = [] {
    store::Columns columns;
    columns.key = {base::Atom("pods"), "default", "web-0"};
    columns.labels = {{base::Atom("app"), "web"}, {base::Atom("size"), "5"}};
    columns.fields = {"node-1", "Running", "", "", "", "", ""};
    std::string body = R"({"metadata":{"resourceVersion":")" + std::string(store::kRevisionSlotBytes, ' ') + "}}";
    return store::Draft(std::move(columns), std::move(body), 32).freeze(7);
  }();
  return object;
}

}  // namespace keelson::fuzz

namespace {

using namespace keelson;
using namespace keelson::fuzz;

std::string encoded(const kinds::Kind& kind, const json::value& object) { return kinds::encode(kind, object, store::kRevisionSlotBytes).body; }

/// All that happens to a decoded object before it is stored, and to its stored text afterwards.
void live_through(const kinds::Kind& kind, json::value object) {
  kinds::apply_defaults(kind, object);
  const auto defaulted = encoded(kind, object);
  kinds::apply_defaults(kind, object);
  must_equal(encoded(kind, object), defaulted, "defaults are not there after the first time");
  const auto old = object;
  kinds::prepare(kind, object, nullptr, "");
  kinds::validate(kind, object, nullptr, "");
  kinds::validate(kind, object, &old, "status");
  auto copy = object;
  kinds::merge_for_write(kind, copy, old, "status");
  kinds::generation_changes(kind, old, object);
  kinds::selectable_values(kind, object);
  json::parse(kinds::table_row(kind, object, kNow_unix_s).cells_json);
  const auto stored = encoded(kind, object);
  const auto again = kinds::decode(kind, kinds::Media::json, stored, kinds::FieldValidation::strict, {});
  must(again.has_value(), "what was stored cannot be decoded: " + (again ? "" : again.error().message) + " " + stored);
  must_equal(encoded(kind, again->object), stored, "what was stored changes when it is decoded");
}

std::optional<json::value> parsed(std::string_view text) {
  auto value = kinds::parse(kinds::Media::json, text, {});
  return value ? std::optional(std::move(*value)) : std::nullopt;
}

void body_of_kind(std::string_view bytes, kinds::Media media) {
  const auto kind = kind_at(take(bytes));
  auto decoded = kinds::decode(*kind, media, bytes, kinds::FieldValidation::warn, {});
  if (!decoded) return must(decoded.error().code >= 400 && decoded.error().code < 500, "a broken body is the server's fault: " + decoded.error().message);
  live_through(*kind, std::move(decoded->object));
}

}  // namespace

KEELSON_FUZZ(object_json, bytes) {
  (void)kinds::json_to_protobuf(bytes);   // trusts that it is JSON, never that it ends
  body_of_kind(bytes, kinds::Media::json);
}
KEELSON_FUZZ(object_yaml, bytes) { body_of_kind(bytes, kinds::Media::yaml); }

KEELSON_FUZZ(protobuf, bytes) {
  const auto body = kinds::from_protobuf(bytes);
  if (!body) return must(body.error().code >= 400 && body.error().code < 500, "a broken body is the server's fault: " + body.error().message);
  const auto& object = body->is_object() ? body->get_object() : json::object();
  const auto text = [&](std::string_view name) {
    const auto* value = object.if_contains(name);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
  };
  const auto api_version = text("apiVersion");
  const auto slash = api_version.find('/');
  const auto kind = slash == std::string::npos ? kind_of("", api_version, text("kind")) : kind_of(api_version.substr(0, slash), api_version.substr(slash + 1), text("kind"));
  if (!kind) return;
  auto decoded = kinds::decode_value(*kind, *body, kinds::FieldValidation::ignore);
  if (!decoded || !kinds::has_protobuf(kind->api_version(), kind->kind)) return;
  const auto first = kinds::to_protobuf(decoded->object);
  must(first.has_value(), "an object out of protobuf has no protobuf");
  const auto back = kinds::from_protobuf(first->bytes);
  must(back.has_value(), "what was written cannot be read");
  auto again = kinds::decode_value(*kind, *back, kinds::FieldValidation::ignore);
  must(again.has_value(), "what was written is not of its kind");
  must_equal(encoded(*kind, again->object), encoded(*kind, decoded->object), "an object changes on its way through protobuf");
  must(kinds::to_protobuf(again->object)->bytes == first->bytes, "the bytes change when they are read and written");
}

KEELSON_FUZZ(json_patch, bytes) {
  const auto [original, operations] = two(bytes);
  const auto from = parsed(original), patch = parsed(operations);
  if (!from || !patch) return;
  const auto before = json::serialize(*from);
  const auto result = kinds::json_patch(*from, *patch, {});
  must_equal(json::serialize(*from), before, "the patched value itself has changed");
  if (!result) must(result.error().code >= 400 && result.error().code < 500, "a broken patch is the server's fault");
  (void)kinds::read_patch(kinds::Media::json, kinds::PatchType::json, operations, {});
}

KEELSON_FUZZ(merge_patch, bytes) {
  const auto [original, merge] = two(bytes);
  const auto from = parsed(original), patch = parsed(merge);
  if (!from || !patch) return;
  const auto once = kinds::merge_patch(*from, *patch, {});
  if (!once) return must(once.error().code == 400, "a broken patch is not 400");
  const auto twice = kinds::merge_patch(*once, *patch, {});
  must(twice.has_value() && kinds::same_json(*once, *twice), "a merge patch does more the second time");
}

KEELSON_FUZZ(strategic_patch, bytes) {
  const auto kind = kind_at(take(bytes));
  const auto [original, strategic] = two(bytes);
  const auto from = parsed(original), patch = parsed(strategic);
  if (!from || !patch) return;
  const auto result = kinds::strategic_patch(*kind->type, *from, *patch, {});
  if (!result) return must(result.error().code >= 400 && result.error().code < 500, "a broken patch is the server's fault: " + result.error().message);
  (void)kinds::decode_value(*kind, *result, kinds::FieldValidation::warn);
}

namespace {

/// What is kept by an object's shape is what is found in it field by field.
void created_alike(const kinds::Kind& kind, const json::value& object, const kinds::ManagerInfo& creator) {
  if (kinds::managed_fields(object)) return;
  static kinds::CreatedFields kept;
  auto found = object;
  kinds::record_update(kind, nullptr, found, creator);
  const auto managers = kinds::creator_entries(kind, creator, *kept.of(kind, object));
  must(encoded(kind, found) == kinds::encode(kind, object, store::kRevisionSlotBytes, managers).body, "kept by its shape, others manage " + json::serialize(object));
}

}  // namespace

KEELSON_FUZZ(apply, bytes) {
  const auto kind = kind_at(take(bytes));
  const auto [live_text, applied_text] = two(bytes);
  auto live = kinds::decode(*kind, kinds::Media::json, live_text, kinds::FieldValidation::ignore, {});
  const kinds::ManagerInfo manager{"fuzz", "", kNow_unix_s};
  if (live) created_alike(*kind, live->object, manager);
  const auto applied = kinds::decode_applied(*kind, kinds::Media::yaml, applied_text, kinds::FieldValidation::warn, {});
  if (!applied) return;
  (void)kinds::apply(*kind, live ? &live->object : nullptr, applied->object, manager, false, {});
  const auto forced = kinds::apply(*kind, live ? &live->object : nullptr, applied->object, manager, true, {});
  if (!forced) return must(forced.error().code >= 400, "refused without a code");
  const auto again = kinds::apply(*kind, &*forced, applied->object, manager, true, {});
  must(again.has_value(), "what was applied cannot be applied again: " + (again ? "" : again.error().message));
  must(kinds::equal_for_commit(*forced, *again), "applying the same again changes " + json::serialize(*forced) + " to " + json::serialize(*again));
  auto updated = *again;
  kinds::record_update(*kind, live ? &live->object : nullptr, updated, {"other", "status", kNow_unix_s + 1});
}

namespace {

constexpr store::Revision kStoredRevision = 7;

/// A lease as it is stored, and who manages it.
struct StoredLease {
  StoredLease() {
    auto object = kinds::decode(*kind, kinds::Media::json,
                                R"({"metadata":{"name":"l","namespace":"default","uid":"6f5d2a10-94a4-4c3b-9a51-0242ac120002","labels":{"a":"b"},"resourceVersion":"1"},"spec":{"holderIdentity":"l","leaseDurationSeconds":40,"renewTime":"2026-01-01T00:00:00.000001Z"}})",
                                kinds::FieldValidation::strict, {})->object;
    kinds::record_update(*kind, nullptr, object, {"kubelet", "", kNow_unix_s});
    auto encoded = kinds::encode(*kind, object, store::kRevisionSlotBytes);
    store::fill_revision_slot(encoded.body.data() + encoded.revision_offset, kStoredRevision);
    text = std::move(encoded.body);
    values = kinds::selectable_values(*kind, object);
    fields = {values.begin(), values.end()};
  }
  kinds::NarrowWrite write() const { return {*kind, "", text, fields, "default", "l", "6f5d2a10-94a4-4c3b-9a51-0242ac120002", {"kubelet", "", kNow_unix_s + 10}}; }
  const kinds::KindRef kind = kind_of("coordination.k8s.io", "v1", "Lease");
  std::string text;
  std::vector<std::string> values;
  std::vector<std::string_view> fields;
};

/// What was put into the text unread is what comes of it when it is read.
void written_alike(const kinds::Narrowed& unread, const std::optional<kinds::Narrowed>& read) {
  must(read.has_value(), "what was put in unread has to be read whole");
  must(read->changes == unread.changes, "put in unread it changes something, read it does not, or the other way round");
  must_equal(unread.body, read->body, "put in unread it says otherwise than read");
}

}  // namespace

KEELSON_FUZZ(renewal_patch, bytes) {
  static const StoredLease lease;
  const auto write = lease.write();
  const auto unread = kinds::stamped(write, bytes, {});
  if (!unread) return;
  auto patch = parsed(bytes);
  must(patch.has_value(), "what is no JSON was put in unread");
  written_alike(*unread, kinds::narrow_patch(write, kinds::PatchType::merge, *patch, kinds::FieldValidation::strict, {}));
}

KEELSON_FUZZ(renewal, bytes) {
  static const StoredLease lease;
  const auto write = lease.write();
  const auto unread = kinds::sent_back(write, bytes, std::to_string(kStoredRevision), {});
  if (!unread) return;
  const auto sent = kinds::decode(*lease.kind, kinds::Media::json, bytes, kinds::FieldValidation::strict, {});
  must(sent.has_value() && sent->warnings.empty(), "what cannot be decoded was put in unread");
  written_alike(*unread, kinds::narrow_update(write, sent->object, {}));
}

KEELSON_FUZZ(definition, bytes) {
  const auto [schema, object] = two(bytes);
  const auto schema_value = parsed(schema);
  if (!schema_value) return;
  json::value crd = {
      {"apiVersion", "apiextensions.k8s.io/v1"}, {"kind", "CustomResourceDefinition"}, {"metadata", {{"name", "things.example.com"}}},
      {"spec", {{"group", "example.com"}, {"scope", "Namespaced"}, {"names", {{"plural", "things"}, {"kind", "Thing"}}}}}};
  json::object version{{"name", "v1"}, {"served", true}, {"storage", true}, {"schema", {{"openAPIV3Schema", *schema_value}}},
                       {"subresources", {{"status", json::object()}}}};
  if (const auto* columns = schema_value->is_object() ? schema_value->get_object().if_contains("columns") : nullptr) version["additionalPrinterColumns"] = *columns;
  crd.at("spec").as_object()["versions"] = json::array{version};
  const auto definition = kind_of("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
  auto decoded = kinds::decode_value(*definition, crd, kinds::FieldValidation::ignore);
  if (!decoded) return;
  kinds::apply_defaults(*definition, decoded->object);
  if (!kinds::validate(*definition, decoded->object, nullptr, "").empty()) return;
  const auto made = kinds::kinds_from_crd(decoded->object);
  if (!made || made->empty()) return;
  auto custom = kinds::decode(made->front(), kinds::Media::yaml, object, kinds::FieldValidation::warn, {});
  if (custom) live_through(made->front(), std::move(custom->object));
}
