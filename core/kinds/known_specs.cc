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

const Type& spec_type(const Type& type) { return *find_field(type, kSpec)->type; }

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

std::shared_ptr<const SettledSpec> KnownSpec::settled(const json::value& admitted) {
  std::shared_ptr<const SettledSpec> last;
  {
    const std::lock_guard lock(mutex_);
    last = settled_;
  }
  if (!last || !same_json(last->value, admitted)) return nullptr;
  changes_.store(0, std::memory_order_relaxed);
  return last;
}

void KnownSpec::settle(const json::value& admitted, const json::value& stored) {
  changes_.fetch_add(1, std::memory_order_relaxed);
  if (looks_at_names(admitted) || !same_json(admitted, stored)) return;
  auto fresh = std::make_shared<SettledSpec>();
  fresh->value = json::value(admitted, &fresh->memory);
  fresh->text = encode_value(spec_type(*type_), stored);
  const std::lock_guard lock(mutex_);
  settled_ = std::move(fresh);
}

std::shared_ptr<KnownSpec> KnownSpecs::find(const Kind& kind, std::string_view text) {
  const auto hash = std::hash<std::string_view>()(text);
  auto& place = places_[hash % kSpecsKeptMax];
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    if (place.spec && place.spec->is(kind, text)) return place.spec;
    if (std::exchange(place.seen, hash) != hash || place.refused == hash) return nullptr;
    id = ++last_id_;
  }
  auto fresh = KnownSpec::read(kind, text, id);
  const std::lock_guard lock(mutex_);
  if (fresh) place.spec = fresh;
  else place.refused = hash;
  return fresh;
}

std::optional<Decoded> KnownSpecs::decode(const Kind& kind, std::string_view body, FieldValidation mode, const json::storage_ptr& memory, std::shared_ptr<KnownSpec>& spec) {
  if (body.size() > 2 * kSpecBytesMax || !spec_stands_alone(kind)) return std::nullopt;
  const auto text = sent_member(body, kSpec);
  if (text.empty() || text.size() > kSpecBytesMax) return std::nullopt;
  auto known = find(kind, text);
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
  *place = json::value(known->value(), memory);
  apply_defaults_around(kind, kSpec, decoded->object);
  spec = std::move(known);
  return std::move(*decoded);
}

}  // namespace keelson::kinds
