#include "core/kinds/known_specs.hpp"

#include <algorithm>
#include <functional>

#include "core/base/json_member.hpp"
#include "core/kinds/edit.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/json_equal.hpp"
#include "core/kinds/type.hpp"

namespace keelson::kinds {
namespace {

constexpr std::string_view kNothing = "{}";

/// Claims of such volumes are named after their pod, and so are the rules about them.
bool looks_at_names(const json::value& spec) {
  const auto* volumes = as_array(member(&spec, "volumes"));
  return volumes && std::any_of(volumes->begin(), volumes->end(), [](const json::value& volume) { return member(&volume, "ephemeral") != nullptr; });
}

std::string printed(const Kind& kind, const json::value& object, std::string_view name) {
  const auto* value = member(&object, name);
  const auto* field = find_field(*kind.type, name);
  return value && field ? encode_value(*field->type, *value) : std::string();
}

std::size_t place_of(std::string_view grounds) { return std::hash<std::string_view>()(grounds) % kGroundsKeptMax; }

}  // namespace

std::shared_ptr<KnownSpec> KnownSpec::read(const Kind& kind, std::string_view text, std::uint64_t id) {
  const std::shared_ptr<KnownSpec> out(new KnownSpec(kind.type, text, id));
  const std::string body = R"({"metadata":{},"spec":)" + std::string(text) + "}";
  auto decoded = kinds::decode(kind, Media::json, body, FieldValidation::strict, {});
  if (!decoded || !decoded->warnings.empty()) return nullptr;
  apply_defaults(kind, decoded->object);
  const auto* spec = member(&decoded->object, kSpec);
  if (!spec || !spec->is_object()) return nullptr;
  out->value_ = json::value(*spec, &out->memory_);
  return out;
}

void KnownSpec::put_into(json::value& object) const { *base::member_of(object.get_object(), kSpec) = json::value(value_, object.storage()); }

std::shared_ptr<const AdmittedSpec> KnownSpec::admitted(std::string_view grounds) const {
  const std::lock_guard lock(mutex_);
  const auto& place = admitted_[place_of(grounds)];
  return place && place->grounds == grounds ? place : nullptr;
}

void KnownSpec::admit(AdmittedSpec admitted) {
  const auto place = place_of(admitted.grounds);
  auto fresh = std::make_shared<const AdmittedSpec>(std::move(admitted));
  const std::lock_guard lock(mutex_);
  admitted_[place].swap(fresh);
}

std::shared_ptr<const SettledSpec> KnownSpec::settled(const json::value& left) {
  std::shared_ptr<const Last> last;
  {
    const std::lock_guard lock(mutex_);
    last = last_;
  }
  if (!last || !same_json(last->left, left)) return nullptr;
  changes_.store(0, std::memory_order_relaxed);
  return last->settled;
}

void KnownSpec::settle(const Kind& kind, const json::value& left, const json::value& stored) {
  changes_.fetch_add(1, std::memory_order_relaxed);
  const auto* spec = member(&stored, kSpec);
  if (!spec || looks_at_names(left) || !same_json(left, *spec)) return;
  auto settled = std::make_shared<const SettledSpec>(SettledSpec{printed(kind, stored, kSpec), printed(kind, stored, kStatus), selectable_values(kind, stored)});
  if (settled->status.empty()) return;
  auto fresh = std::make_shared<Last>();
  fresh->left = json::value(left, &fresh->memory);
  fresh->settled = std::move(settled);
  const std::lock_guard lock(mutex_);
  last_ = std::move(fresh);
}

std::shared_ptr<KnownSpec> KnownSpecs::find(const Kind& kind, std::string_view text) {
  const auto hash = std::hash<std::string_view>()(text);
  auto& place = places_[hash % kSpecsKeptMax];
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    if (place.spec && place.spec->is(kind, text)) return last_ = place.spec;
    if (std::exchange(place.seen, hash) != hash || place.refused == hash) return nullptr;
    id = ++last_id_;
  }
  auto fresh = KnownSpec::read(kind, text, id);
  const std::lock_guard lock(mutex_);
  if (fresh) place.spec = fresh;
  else place.refused = hash;
  return fresh;
}

std::shared_ptr<KnownSpec> KnownSpecs::last() {
  const std::lock_guard lock(mutex_);
  return last_;
}

std::optional<Decoded> KnownSpecs::decode(const Kind& kind, std::string_view body, FieldValidation mode, const json::storage_ptr& memory, std::shared_ptr<KnownSpec>& spec) {
  if (body.size() > 2 * kSpecBytesMax || !spec_stands_alone(kind)) return std::nullopt;
  auto known = last();
  const auto text = sent_member(body, kSpec, known ? known->text() : std::string_view());
  if (text.empty() || text.size() > kSpecBytesMax) return std::nullopt;
  if (!known || !known->is(kind, text)) known = find(kind, text);
  if (!known) return std::nullopt;
  // That the rest is JSON, and the spec where it seems to be, is for the parser to say.
  const auto from = static_cast<std::size_t>(text.data() - body.data());
  std::string rest;
  rest.reserve(body.size() - text.size() + kNothing.size());
  rest.append(body.substr(0, from)).append(kNothing).append(body.substr(from + text.size()));
  auto decoded = kinds::decode(kind, Media::json, rest, mode, memory);
  if (!decoded) return std::nullopt;
  auto* place = base::member_of(decoded->object.get_object(), kSpec);
  if (!place || !place->is_object() || !place->get_object().empty()) return std::nullopt;
  // Whoever says who manages it, or that nobody does, is rare, and not for here.
  if (member(member(&decoded->object, "metadata"), "managedFields")) return std::nullopt;
  apply_defaults_around(kind, kSpec, decoded->object);
  spec = std::move(known);
  return std::move(*decoded);
}

}  // namespace keelson::kinds
