#include "core/kinds/narrow.hpp"

#include <algorithm>
#include <array>

#include "core/base/json_member.hpp"
#include "core/kinds/edit.hpp"
#include "core/kinds/empties.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/known_specs.hpp"
#include "core/kinds/managed/managed_text.hpp"
#include "core/kinds/type.hpp"

namespace keelson::kinds {
namespace {

constexpr std::string_view kMetadata = "metadata", kManagedFields = "managedFields";

/// Where the parts of interest stand in the stored text.
struct Places {
  std::string_view managers, member;
  PrintedMembers metadata{""};
};

std::optional<Places> find_places(std::string_view stored, std::string_view member) {
  Places out;
  for (PrintedMembers members(stored); out.member.empty() && members.next_name();) {
    if (members.name() != kMetadata) {
      members.take_value();
      if (members.name() == member) out.member = members.value();
      continue;
    }
    auto inside = out.metadata = members.inside();
    while (inside.next())
      if (inside.name() == kManagedFields) out.managers = inside.value();
    members.go_behind(inside);
  }
  if (out.member.empty() || out.member.front() != '{') return std::nullopt;
  if (!out.managers.empty() && out.managers.front() != '[') return std::nullopt;
  return out;
}

class Narrowing {
 public:
  Narrowing(const NarrowWrite& write, std::string_view member, const json::storage_ptr& memory) : write_(write), kind_(write.kind), member_(member), old_(json::object(memory)), now_(json::object(memory)), memory_(memory) {}

  /// Whether the patch sets the member and nothing else.
  bool takes(const json::value& patch) const {
    bool sets = false;
    if (!patch.is_object()) return false;
    for (const auto& [name, value] : patch.get_object()) {
      if (name == member_) sets = value.is_object();
      else if (!repeats(name, value)) return false;
    }
    return sets;
  }

  bool make(PatchType type, json::value& patch, FieldValidation validation) {
    patch.get_object().erase(kMetadata);
    if (!open()) return false;
    auto patched = kinds::patch(kind_, type, old_, patch, memory_);
    if (!patched) return false;
    auto decoded = decode_value(kind_, std::move(*patched), validation == FieldValidation::ignore ? validation : FieldValidation::warn);
    if (!decoded || !decoded->warnings.empty()) return false;
    now_ = std::move(decoded->object);
    return judge();
  }

  /// The same of an object that was sent whole.
  bool update(const json::value& sent) {
    if (!open() || !leaves_the_rest(sent)) return false;
    describe(now_.get_object(), json::value(*base::member_of(sent.get_object(), member_), memory_));
    return judge();
  }

  std::optional<Narrowed> result() {
    if (same_) return Narrowed{};
    const auto* value = now_.get_object().if_contains(member_);
    const auto* field = find_field(*kind_.type, member_);
    if (!value || !value->is_object() || !field) return std::nullopt;
    return Narrowed{true, spliced(encode_value(*field->type, *value)), fields()};
  }

 private:
  bool open() {
    const auto places = find_places(write_.stored, member_);
    if (!places) return false;
    places_ = *places;
    auto printed = parse(Media::json, places_.member, memory_);
    if (printed) describe(old_.get_object(), std::move(*printed));
    return printed.has_value();
  }

  void describe(json::object& object, json::value&& member) const {
    object.emplace("kind", kind_.kind);
    object.emplace("apiVersion", version_);
    object.emplace(member_, std::move(member));
  }

  bool judge() {
    apply_member_defaults(kind_, member_, now_);
    merge_for_write(kind_, now_, old_, write_.subresource);
    return record() && settle();
  }

  bool leaves_the_rest(const json::value& sent) const {
    const auto* object = sent.if_object();
    if (!object || object->size() != 4) return false;   // kind, version, metadata, the member
    const auto *member = base::member_of(*object, member_), *metadata = base::member_of(*object, kMetadata);
    if (!member || !member->is_object() || !metadata || !metadata->is_object()) return false;
    for (const std::string_view name : {"kind", "apiVersion"})
      if (const auto* value = base::member_of(*object, name); !value || !repeats(name, *value)) return false;
    return leaves_metadata(metadata->get_object());
  }

  /// What the server keeps itself may be left out, and some of it be anything.
  bool leaves_metadata(const json::object& sent) const {
    constexpr std::array<std::string_view, 3> kIdentity{"name", "namespace", "uid"}, kIgnored{"generation", "selfLink", "resourceVersion"};
    constexpr std::array<std::string_view, 2> kKept{"creationTimestamp", kManagedFields};
    const auto among = [](const auto& names, std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); };
    std::size_t known = 0;
    for (const auto& [name, value] : sent) {
      if (among(kIdentity, name) && !repeats_identity(name, value)) return false;
      known += among(kIdentity, name) || among(kIgnored, name) ? 1 : 0;
    }
    for (auto stored = places_.metadata; stored.next();) {
      const auto name = stored.name();
      if (among(kIdentity, name) || among(kIgnored, name)) continue;
      const auto* value = base::member_of(sent, name);
      const auto* field = find_field(*find_field(*kind_.type, kMetadata)->type, name);
      if (value ? !field || encode_value(*field->type, *value) != stored.value() : !among(kKept, name)) return false;
      known += value ? 1 : 0;
    }
    return known == sent.size() && sent.contains("name");
  }

  static bool is(const json::value& said, std::string_view own) { return said.is_string() && said.get_string() == own && !own.empty(); }
  bool repeats_identity(std::string_view name, const json::value& said) const { return is(said, name == "name" ? write_.name : name == "namespace" ? write_.ns : name == "uid" ? write_.uid : std::string_view()); }

  /// What a write says of an object's kind and identity changes nothing where it is true.
  bool repeats(std::string_view name, const json::value& value) const {
    if (name == "kind") return is(value, kind_.kind);
    if (name == "apiVersion") return is(value, version_);
    if (name != kMetadata || !value.is_object()) return false;
    return std::all_of(value.get_object().begin(), value.get_object().end(), [&](const auto& entry) { return repeats_identity(entry.key(), entry.value()); });
  }

  /// Who manages what: from the text where nobody's fields change, else from the entries alone.
  bool record() {
    if (places_.managers.empty()) return true;   // nobody tracks this object
    Changes changes(kind_, kind_, &old_, now_, memory_);
    const auto& change = changes.in(version_);
    if (change.same()) return true;
    const EntryName by{write_.manager.manager, std::string(kUpdate), version_, write_.manager.subresource};
    if (auto credited = credited_text(places_.managers, change, by, write_.manager.now_unix_s)) {
      managers_ = std::move(credited->entries);
      entries_change_ = credited->more;
      return true;
    }
    auto entries = parse(Media::json, places_.managers, memory_);
    if (!entries) return false;
    make_object(old_.get_object(), kMetadata)[kManagedFields] = std::move(*entries);
    record_update(kind_, changes, &old_, now_, write_.manager);
    const auto* left = managed_fields(now_);
    const auto* field = find_field(*find_field(*kind_.type, kMetadata)->type, kManagedFields);
    if (!left || !field) return false;
    managers_ = encode_value(*field->type, *left);
    entries_change_ = true;
    for (auto* object : {&old_, &now_}) object->get_object().stable_erase(kMetadata);
    return true;
  }

  bool settle() {
    prepare(kind_, now_, &old_, write_.subresource);
    if (!valid()) return false;
    forget_empty(kind_, now_);
    same_ = equal_for_commit(old_, now_);
    return !same_ || !entries_change_;   // who manages what may change where no value does
  }

  bool valid() {
    const bool with_spec = member_ != kSpec;
    if (with_spec)
      for (auto* object : {&now_, &old_}) object->get_object().emplace(kSpec, selectable_spec());
    const bool valid = validate_alone(kind_, now_, old_, write_.subresource).empty();
    if (with_spec)
      for (auto* object : {&now_, &old_}) object->get_object().stable_erase(kSpec);
    return valid;
  }

  json::object selectable_spec() const {
    json::object out(memory_);
    for (std::size_t i = 0; i < kind_.selectable_fields.size(); ++i)
      if (const std::string_view field = kind_.selectable_fields[i]; field.starts_with("spec.")) out.emplace(field.substr(kSpec.size() + 1), write_.fields[i]);
    return out;
  }

  std::optional<std::vector<std::string>> fields() const {
    const auto own = [&](std::string_view field) { return field.starts_with(member_) && field.substr(member_.size()).starts_with('.'); };
    if (std::none_of(kind_.selectable_fields.begin(), kind_.selectable_fields.end(), own)) return std::nullopt;
    std::vector<std::string> out(write_.fields.begin(), write_.fields.end());
    auto values = selectable_values(kind_, now_);
    for (std::size_t i = 0; i < out.size(); ++i)
      if (own(kind_.selectable_fields[i])) out[i] = std::move(values[i]);
    return out;
  }

  std::string spliced(std::string_view member) const {
    const auto stored = write_.stored;
    const auto at = [&](std::string_view part) { return static_cast<std::size_t>(part.data() - stored.data()); };
    std::string out;
    out.reserve(stored.size() + managers_.size() + member.size());
    std::size_t from = 0;
    if (!managers_.empty()) {
      out.append(stored.substr(0, at(places_.managers))).append(managers_);
      from = at(places_.managers) + places_.managers.size();
    }
    const auto behind = at(places_.member) + places_.member.size();
    return out.append(stored.substr(from, at(places_.member) - from)).append(member).append(stored.substr(behind));
  }

  const NarrowWrite& write_;
  const Kind& kind_;
  const std::string_view member_;
  const std::string version_ = kind_.api_version();
  json::value old_, now_;      ///< with no more than kind and member
  const json::storage_ptr& memory_;
  Places places_;
  std::string managers_;       ///< "": they stay
  bool entries_change_ = false, same_ = false;
};

}  // namespace

std::optional<Narrowed> narrow_patch(const NarrowWrite& write, PatchType type, json::value& patch, FieldValidation validation, const json::storage_ptr& memory) {
  const auto member = judged_alone(write.kind, write.subresource);
  const bool merges = type == PatchType::merge || type == PatchType::strategic;
  if (member.empty() || !merges || !write.kind.type) return std::nullopt;
  Narrowing narrowing(write, member, memory);
  if (!narrowing.takes(patch) || !narrowing.make(type, patch, validation)) return std::nullopt;
  return narrowing.result();
}

std::optional<Narrowed> narrow_update(const NarrowWrite& write, const json::value& sent, const json::storage_ptr& memory) {
  const auto member = judged_alone(write.kind, write.subresource);
  if (member.empty() || !write.kind.type) return std::nullopt;
  Narrowing narrowing(write, member, memory);
  return narrowing.update(sent) ? narrowing.result() : std::nullopt;
}

}  // namespace keelson::kinds
