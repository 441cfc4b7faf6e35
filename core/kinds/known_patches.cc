#include "core/kinds/known_patches.hpp"

#include <algorithm>
#include <cctype>

#include "core/kinds/edit.hpp"
#include "core/kinds/managed/managed_fields.hpp"
#include "core/kinds/patch/patch_reading.hpp"
#include "core/kinds/text_slots.hpp"
#include "core/kinds/type.hpp"

namespace keelson::kinds {
namespace {

constexpr std::string_view kMetadata = "metadata", kManagers = R"(,"managedFields":)", kTime = R"("time":")";

/// What a list tells its elements apart by, where that may be in a slot.
struct Key {
  std::string_view name, value;
  Form form;
  bool operator==(const Key&) const = default;
};

/// Finds the slots of a text of some type, which is printed without white space.
class SlotFinder {
 public:
  SlotFinder(std::string_view text, const FreeTexts& free, Slots& slots) : text_(text), free_(free), slots_(slots) {}

  /// What of it lies in `member` of an object of `type` that repeats its uid; false: it is not so plain.
  bool find(const Type& type, std::string_view member, std::string_view uid) {
    return members([&](std::string_view name) {
      if (name == kMetadata) return members([&](std::string_view each) { return each == "uid" ? repeated(uid) : value(nullptr); });
      const auto* const field = name == member ? find_field(type, name) : nullptr;
      return value(field ? field->type : nullptr);
    }) && at_ == text_.size();
  }
  bool find_value(const Type& type) { return value(&type) && at_ == text_.size(); }
  const std::vector<Hole>& holes() const { return holes_; }
  const std::vector<Key>& keys() const { return keys_; }

 private:
  static constexpr int kDepthMax = 16;

  bool take(char c) { return at_ < text_.size() && text_[at_] == c ? ++at_, true : false; }
  std::optional<std::string_view> string() {
    if (!take('"')) return std::nullopt;
    const auto from = at_;
    for (; at_ < text_.size() && text_[at_] != '"'; ++at_)
      if (text_[at_] == '\\') ++at_;
    if (at_ >= text_.size()) return std::nullopt;
    return text_.substr(from, at_++ - from);
  }
  template <class Value>
  bool members(const Value& value) {
    if (!take('{') || ++depth_ > kDepthMax) return false;
    if (!take('}')) {
      do {
        const auto name = string();
        if (!name || name->find('\\') != std::string_view::npos || !take(':') || !value(*name)) return false;
      } while (take(','));
      if (!take('}')) return false;
    }
    --depth_;
    return true;
  }
  bool elements(const Type* list) {
    if (!take('[') || ++depth_ > kDepthMax) return false;
    if (!take(']')) {
      do
        if (!value(list ? list->element : nullptr, {}, list)) return false;
      while (take(','));
      if (!take(']')) return false;
    }
    --depth_;
    return true;
  }
  bool value(const Type* type, std::string_view name = {}, const Type* list = nullptr) {
    const char first = at_ < text_.size() ? text_[at_] : '\0';
    if (first == '[') return elements(type && type->shape == Shape::list ? type : nullptr);
    if (first == '{') return members([&](std::string_view each) { return member(type, each, list); });
    if (first != '"') return scalar();
    const auto text = string();
    return text && (!type || this->text(type->shape, name, *text, list));
  }
  bool member(const Type* type, std::string_view name, const Type* list) {
    const auto* const field = type && type->shape == Shape::object ? find_field(*type, name) : nullptr;
    const bool is_key = list && among(list->list_map_keys, name);
    return value(field ? field->type : nullptr, name, is_key ? list : nullptr);
  }
  /// `list`: whose elements are told apart by it; null: none.
  bool text(Shape shape, std::string_view name, std::string_view text, const Type* list) {
    const bool is_address = among(free_.addresses, name), is_free = is_address || among(free_.texts, name);
    const auto form = shape == Shape::time ? Form::time : shape == Shape::micro_time ? Form::micro_time : is_address ? Form::address : Form::text;
    if (shape != Shape::time && shape != Shape::micro_time && (!is_free || shape != Shape::string)) return true;
    if (list) keys_.push_back({name, text, form});
    if (!has_form(form, text)) return true;
    return slots_.has_room() && put(text, slots_.add(form, text));
  }
  template <class Names>
  static bool among(const Names& names, std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); }
  bool scalar() {
    const auto from = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '-' || text_[at_] == '+' || text_[at_] == '.')) ++at_;
    return at_ > from;
  }
  bool put(std::string_view text, std::size_t slot) {
    const auto from = static_cast<std::size_t>(text.data() - text_.data());
    holes_.push_back({from, from + text.size(), slot});
    return true;
  }
  bool repeated(std::string_view uid) {
    const auto text = string();
    return text && *text == uid && put(*text, kUid);
  }

  const std::string_view text_;
  const FreeTexts& free_;
  Slots& slots_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::vector<Hole> holes_;
  std::vector<Key> keys_;
};

/// What of a stored text a narrow patch looks at: one list and the last member.
struct Parts {
  std::string_view before, managers, between, member, behind;
  std::string_view named_member;   ///< with its name before it, to the end
};

std::optional<Parts> parts_of(std::string_view stored, std::string_view member) {
  PrintedMembers members(stored);
  while (members.next() && members.name() != member) {}
  const auto named = member.size() + 4;   // quotes, comma, colon
  const auto from = static_cast<std::size_t>(members.value().data() - stored.data()), to = from + members.value().size();
  if (members.name() != member || from < named || stored.substr(to) != "}") return std::nullopt;
  const auto at = stored.find(kManagers);
  const auto list = at == std::string_view::npos ? from : at + kManagers.size(), end = list < from ? end_of_value(stored, list) : from;
  if (end >= from) return std::nullopt;
  return Parts{stored.substr(0, list), stored.substr(list, end - list), stored.substr(end, from - end), members.value(), stored.substr(to), stored.substr(from - named)};
}

std::vector<Hole> moved(std::vector<Hole> holes, std::size_t by) {
  for (auto& hole : holes) hole.from += by, hole.to += by;
  return holes;
}

/// The one key of all lists; false: there are several, and where they stand in a set is decided by their order.
bool one_key(const std::vector<Key>& some, const std::vector<Key>& more, std::optional<Key>& out) {
  for (const auto* keys : {&some, &more})
    for (const auto& key : *keys)
      if (out.value_or(key) != key) return false;
      else out = key;
  return true;
}

/// Times of entries, and what their sets have of a key; false: that cannot be told.
bool find_in_managers(std::string_view managers, const std::optional<Key>& key, Slots& slots, std::vector<Hole>& holes) {
  const bool is_slot = key && has_form(key->form, key->value);
  const std::string keyed = is_slot ? "{\\\"" + std::string(key->name) + "\\\":\\\"" : std::string();
  const auto add = [&](std::size_t from, std::size_t bytes, Form form) {
    const auto value = managers.substr(from, bytes);
    if (!slots.has_room() || !has_form(form, value)) return false;
    holes.push_back({from, from + bytes, slots.add(form, value)});
    return true;
  };
  for (std::size_t at = 0; at < managers.size(); ++at) {
    const auto left = managers.substr(at);
    if (left.starts_with(kTime)) {
      if (!add(at + kTime.size(), kSecondsBytes, Form::entry_time)) return false;
    } else if (is_slot && left.starts_with(keyed)) {
      const auto bytes = end_of_text(left.substr(keyed.size()));
      if (left.substr(keyed.size(), bytes) != key->value || !add(at + keyed.size(), bytes, key->form)) return false;
    }
  }
  return true;
}

bool is_own(std::string_view field, std::string_view member) { return field.starts_with(member) && field.substr(member.size()).starts_with('.'); }

}  // namespace

/// One patch of one object.
struct KnownPatches::Known {
  Known(const NarrowWrite& write, PatchType patch_type, FieldValidation patch_validation)
      : kind(write.kind.type), subresource(write.subresource), manager(write.manager.manager), managed(write.manager.subresource), member(judged_alone(write.kind, write.subresource)), type(patch_type), validation(patch_validation) {}

  bool is_of(const NarrowWrite& write, PatchType patch_type, FieldValidation patch_validation) const {
    return kind == write.kind.type && type == patch_type && validation == patch_validation && subresource == write.subresource && manager == write.manager.manager && managed == write.manager.subresource;
  }
  bool note(const NarrowWrite& write, std::string_view patch_text, const json::storage_ptr& memory);
  std::optional<Narrowed> make(const NarrowWrite& write, std::string_view patch_text) const;

  const std::shared_ptr<const Type> kind;
  const std::string subresource, manager, managed;
  const std::string_view member;
  const PatchType type;
  const FieldValidation validation;
  std::vector<Form> forms;             ///< of the slots
  std::vector<std::size_t> order;      ///< slots of times of entries and of the write
  std::vector<bool> later;             ///< than the one before it in that order
  SlottedText stored, managers, patch;     ///< stored: from the member's name to the end
  std::vector<SlottedText> fields;         ///< selectable values beside the member
  bool changes = false;
  SlottedText new_stored, new_managers;
  std::vector<SlottedText> new_fields;

 private:
  std::vector<std::string> note_fields(const NarrowWrite& write, const FreeTexts& free, Slots& slots);
  void note_order(Slots& slots);
  bool note_result(const Parts& parts, const Slots& slots, const Narrowed& made);
  bool in_order(const Values& values) const;
};

bool KnownPatches::Known::in_order(const Values& values) const {
  for (std::size_t i = 1; i < order.size(); ++i) {
    const auto &one = values[order[i - 1]], &next = values[order[i]];
    if (later[i] ? !(one < next) : one != next) return false;
  }
  return true;
}

std::optional<Narrowed> KnownPatches::Known::make(const NarrowWrite& write, std::string_view patch_text) const {
  const std::string now = utc_text(write.manager.now_unix_s);
  Values values;
  values[kUid] = write.uid;
  values[kNow] = now;
  const auto meet = [&](std::size_t slot, std::string_view value) { return meets(forms, values, slot, value); };
  auto before = write.stored;
  if (!stored.take_back(before, meet) || !patch.take_front(patch_text, meet) || !patch_text.empty()) return std::nullopt;
  const auto name = before.find(kManagers);
  if (name == std::string_view::npos) return std::nullopt;
  auto between = before.substr(name + kManagers.size());
  if (!managers.take_front(between, meet) || !in_order(values)) return std::nullopt;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    std::string_view field = write.fields[i];
    if (!is_own(write.kind.selectable_fields[i], member) && (!fields[i].take_front(field, meet) || !field.empty())) return std::nullopt;
  }
  if (!changes) return Narrowed{};
  Narrowed out{true, {}};
  if (!new_fields.empty()) out.fields.emplace(write.fields.begin(), write.fields.end());
  const auto head = before.substr(0, name + kManagers.size());
  out.body.reserve(head.size() + new_managers.size(values) + between.size() + new_stored.size(values));
  out.body.append(head);
  new_managers.put(out.body, values);
  out.body.append(between);
  new_stored.put(out.body, values);
  for (std::size_t i = 0; i < new_fields.size(); ++i)
    if (is_own(write.kind.selectable_fields[i], member)) (*out.fields)[i].clear(), new_fields[i].put((*out.fields)[i], values);
  return out;
}

/// False: it is nothing that could be met again.
bool KnownPatches::Known::note(const NarrowWrite& write, std::string_view patch_text, const json::storage_ptr& memory) {
  const auto* const free = free_texts(write.kind, write.subresource);
  const auto parts = free ? parts_of(write.stored, member) : std::nullopt;
  if (!parts || parts->member.size() > kKnownBytesMax || parts->managers.size() > kKnownBytesMax) return false;
  Slots slots(write.uid, utc_text(write.manager.now_unix_s));
  SlotFinder in_member(parts->member, *free, slots), in_patch(patch_text, *free, slots);
  if (!in_member.find_value(*find_field(*kind, member)->type) || !in_patch.find(*kind, member, write.uid)) return false;
  std::optional<Key> key;
  std::vector<Hole> in_managers;
  if (!one_key(in_member.keys(), in_patch.keys(), key) || !find_in_managers(parts->managers, key, slots, in_managers)) return false;
  const auto marked_fields = note_fields(write, *free, slots);
  note_order(slots);
  patch = SlottedText(patch_text, in_patch.holes());
  managers = SlottedText(parts->managers, in_managers);
  stored = SlottedText(parts->named_member, moved(in_member.holes(), parts->named_member.size() - parts->member.size() - parts->behind.size()));
  const std::string marked_stored = std::string(parts->before) + slots.marked(parts->managers, in_managers) + std::string(parts->between) + slots.marked(parts->member, in_member.holes()) + std::string(parts->behind);
  const std::vector<std::string_view> shown_fields(marked_fields.begin(), marked_fields.end());
  NarrowWrite marked{write.kind, write.subresource, marked_stored, shown_fields, write.ns, write.name, write.uid, write.manager};
  marked.manager.now_unix_s = slots.marked_now_unix_s();
  auto read = read_patch(Media::json, type, slots.marked(patch_text, in_patch.holes()), memory);
  if (!read || !read->complaints.empty()) return false;
  const auto made = narrow_patch(marked, type, read->value, validation, memory);
  return made && note_result(*parts, slots, *made);
}

/// What they are with other values in the slots.
std::vector<std::string> KnownPatches::Known::note_fields(const NarrowWrite& write, const FreeTexts& free, Slots& slots) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < write.fields.size(); ++i) {
    const std::string_view field = write.fields[i];
    const bool is_free = std::find(free.fields.begin(), free.fields.end(), write.kind.selectable_fields[i]) != free.fields.end();
    std::vector<Hole> hole;
    if (is_free && slots.has_room() && has_form(Form::text, field)) hole.push_back({0, field.size(), slots.add(Form::text, field)});
    fields.emplace_back(field, hole);
    out.push_back(slots.marked(field, hole));
  }
  return out;
}

void KnownPatches::Known::note_order(Slots& slots) {
  order = slots.order_times();
  for (std::size_t i = 0; i < order.size(); ++i) later.push_back(i > 0 && slots.all()[order[i - 1]].value < slots.all()[order[i]].value);
  forms = slots.forms();
}

bool KnownPatches::Known::note_result(const Parts& parts, const Slots& slots, const Narrowed& made) {
  changes = made.changes;
  if (!changes) return true;
  const std::string_view body = made.body;
  const auto end = end_of_value(body, parts.before.size());
  const auto named = member.size() + 4;   // with its quotes, comma and colon, which are of what lies between
  if (!body.starts_with(parts.before) || !body.substr(end).starts_with(parts.between)) return false;
  new_managers = slots.pattern(body.substr(parts.before.size(), end - parts.before.size()));
  new_stored = slots.pattern(body.substr(end + parts.between.size() - named));
  if (made.fields)
    for (const auto& field : *made.fields) new_fields.push_back(slots.pattern(field));
  return true;
}

KnownPatches::KnownPatches() = default;
KnownPatches::~KnownPatches() = default;

std::optional<Narrowed> KnownPatches::find(const NarrowWrite& write, PatchType type, std::string_view patch, FieldValidation validation) {
  for (auto known = known_.begin(); known != known_.end(); ++known) {
    if (!(*known)->is_of(write, type, validation)) continue;
    auto made = (*known)->make(write, patch);
    if (!made) continue;
    credit_.earn();
    std::rotate(known_.begin(), known, known + 1);
    return made;
  }
  return std::nullopt;
}

void KnownPatches::remember(const NarrowWrite& write, PatchType type, std::string_view patch, FieldValidation validation, const Narrowed& made, const json::storage_ptr& memory) {
  if (patch.size() > kKnownBytesMax || !free_texts(write.kind, write.subresource) || !credit_.spend()) return;
  auto known = std::make_unique<Known>(write, type, validation);
  if (!known->note(write, patch, memory)) return;
  const auto again = known->make(write, patch);
  if (!again || again->changes != made.changes || again->body != made.body || again->fields != made.fields) return;
  if (known_.size() == kPatchesKeptMax) known_.pop_back();
  known_.insert(known_.begin(), std::move(known));
}

}  // namespace keelson::kinds
