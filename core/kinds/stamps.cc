#include "core/kinds/stamps.hpp"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cstring>

#include "core/base/instant.hpp"
#include "core/kinds/edit.hpp"
#include "core/kinds/managed/managed_text.hpp"
#include "core/kinds/type.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kStampsMax = 4;

struct Stamp {
  std::string_view name, value;    ///< value: with its quotes, as encode() prints it
  std::string_view stored{};       ///< what stands in its place; "": nothing
};
using Stamps = boost::container::small_vector<Stamp, kStampsMax>;

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

/// With its quotes; "": there is no string. One with an escaped quote ends too early, and is none of those that are looked for then.
std::string_view take_string(std::string_view& text) {
  const auto end = text.starts_with('"') ? text.find('"', 1) : std::string_view::npos;
  if (end == std::string_view::npos) return {};
  const auto out = text.substr(0, end + 1);
  text.remove_prefix(end + 1);
  return out;
}

std::string_view inside(std::string_view quoted) { return quoted.substr(1, quoted.size() - 2); }

/// A time that is printed as it is written.
bool is_canonical(Shape shape, std::string_view text) {
  constexpr std::size_t kSeconds = 20, kMicros = 27;   // 2006-01-02T15:04:05Z, 2006-01-02T15:04:05.000000Z
  const bool micro = shape == Shape::micro_time;
  if (!micro && shape != Shape::time) return false;
  if (text.size() != (micro ? kMicros : kSeconds) || text[10] != 'T' || text.back() != 'Z' || (micro && text[19] != '.')) return false;
  return base::parse_time(text).has_value();
}

/// `{"MEMBER":{"NAME":"TIME",...}}`, each name once; no stamps: it is anything else.
Stamps stamps_in(std::string_view patch, std::string_view member, const Type& type) {
  Stamps out;
  if (!take(patch, "{") || !take(patch, "\"") || !take(patch, member) || !take(patch, "\":{")) return {};
  do {
    const auto name = take_string(patch);
    if (name.empty() || !take(patch, ":")) return {};
    const auto value = take_string(patch);
    const auto* const field = value.empty() ? nullptr : find_field(type, inside(name));
    if (!field || !is_canonical(field->type->shape, inside(value)) || out.size() == kStampsMax) return {};
    if (std::any_of(out.begin(), out.end(), [&](const Stamp& other) { return other.name == inside(name); })) return {};
    out.push_back({inside(name), value});
  } while (take(patch, ","));
  return patch == "}}" ? out : Stamps();
}

/// Where a printed text has `wanted`, a comma and a name behind it: in a string its quotes would be escaped.
std::size_t find_name(std::string_view text, std::string_view wanted, std::size_t from = 0) {
  const void* const at = ::memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
  return at ? static_cast<std::size_t>(static_cast<const char*>(at) - text.data()) : std::string_view::npos;
}

/// The entries of metadata.managedFields; "": there are none.
std::string_view find_managers(std::string_view stored, const LastCredited& last) {
  constexpr std::string_view kName = R"(,"managedFields":)";
  const auto name = find_name(stored, kName);
  if (name == std::string_view::npos) return {};
  const auto value = name + kName.size();
  const bool as_last = !last.entries.empty() && stored.substr(value).starts_with(last.entries);
  return stored.substr(value, as_last ? last.entries.size() : end_of_value(stored, value) - value);
}

/// What stands in their places.
void find_places(std::string_view stored, std::string_view member, std::size_t from, Stamps& stamps) {
  const auto name = find_name(stored, ",\"" + std::string(member) + "\":{", from);
  if (name == std::string_view::npos) return;
  for (PrintedMembers below(stored.substr(name + member.size() + 4)); below.next();)
    for (Stamp& stamp : stamps)
      if (below.name() == stamp.name) stamp.stored = below.value();
}

bool same_names(const Stamps& stamps, const std::vector<std::string>& names) {
  return std::equal(stamps.begin(), stamps.end(), names.begin(), names.end(), [](const Stamp& stamp, const std::string& name) { return stamp.name == name; });
}

FieldSet fields_of(const Stamps& stamps, std::string_view member, const json::storage_ptr& memory) {
  FieldSet out(memory);
  auto& below = out.emplace("f:" + std::string(member), json::object(memory)).first->value().get_object();
  for (const Stamp& stamp : stamps) below.emplace("f:" + std::string(stamp.name), json::object(memory));
  return out;
}

/// What becomes of the entries stands in `last` then. False: that cannot be told from their text.
bool credit(const NarrowWrite& write, std::string_view member, std::string_view managers, const Stamps& stamps, const json::storage_ptr& memory, LastCredited& last) {
  if (last.entries == managers && last.now_unix_s == write.manager.now_unix_s && same_names(stamps, last.names)) return true;
  const Comparison change{fields_of(stamps, member, memory), FieldSet(memory)};
  auto credited = credited_text(managers, change, {write.manager.manager, std::string(kUpdate), write.kind.api_version(), write.manager.subresource}, write.manager.now_unix_s);
  if (!credited) return false;
  last = {std::string(managers), std::move(credited->entries), {}, write.manager.now_unix_s};
  for (const Stamp& stamp : stamps) last.names.emplace_back(stamp.name);
  return true;
}

}  // namespace

std::optional<Narrowed> stamped(const NarrowWrite& write, std::string_view patch, const json::storage_ptr& memory, LastCredited* last) {
  const auto member = judged_without_times(write.kind, write.subresource);
  const auto* const field = member.empty() || !write.kind.type ? nullptr : find_field(*write.kind.type, member);
  if (!field) return std::nullopt;
  auto stamps = stamps_in(patch, member, *field->type);
  if (stamps.empty()) return std::nullopt;
  LastCredited here;
  if (!last) last = &here;
  const auto managers = find_managers(write.stored, *last);
  const auto at = [&](std::string_view part) { return static_cast<std::size_t>(part.data() - write.stored.data()); };
  find_places(write.stored, member, managers.empty() ? 0 : at(managers) + managers.size(), stamps);
  if (std::any_of(stamps.begin(), stamps.end(), [](const Stamp& stamp) { return stamp.stored.size() != stamp.value.size(); })) return std::nullopt;
  stamps.erase(std::remove_if(stamps.begin(), stamps.end(), [](const Stamp& stamp) { return stamp.stored == stamp.value; }), stamps.end());
  if (stamps.empty()) return Narrowed{};
  Narrowed out{true, std::string(write.stored), {write.fields.begin(), write.fields.end()}};
  for (const Stamp& stamp : stamps) out.body.replace(at(stamp.stored), stamp.stored.size(), stamp.value);
  if (managers.empty()) return out;   // nobody tracks this object
  if (!credit(write, member, managers, stamps, memory, *last)) return std::nullopt;
  out.body.replace(at(managers), managers.size(), last->credited);
  return out;
}

}  // namespace keelson::kinds
