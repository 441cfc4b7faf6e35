#include "core/kinds/stamps.hpp"

#include <algorithm>
#include <array>
#include <boost/container/small_vector.hpp>
#include <cstring>

#include "core/base/instant.hpp"
#include "core/kinds/edit.hpp"
#include "core/kinds/managed/managed_text.hpp"
#include "core/kinds/type.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kStampsMax = 4, kStampRoomBytes = 32, kMembersLikely = 12;
constexpr std::size_t kSecondsBytes = 20;   // 2006-01-02T15:04:05Z
constexpr std::string_view kMetadata = "metadata", kManagedFields = "managedFields", kRevision = "resourceVersion";

struct Stamp {
  std::string_view name, value;    ///< value: with its quotes, as encode() prints it
  std::string_view stored{};       ///< what stands in its place; "": nothing
  Shape shape{};
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

/// A text that is printed as it is written, and not empty.
bool is_plain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < '\x7f' && c != '\\' && c != '<' && c != '>' && c != '&'; });
}

/// A time that is printed as it is written.
bool is_canonical(Shape shape, std::string_view text) {
  constexpr std::size_t kMicrosBytes = 27;   // 2006-01-02T15:04:05.000000Z
  const bool micro = shape == Shape::micro_time;
  if (!micro && shape != Shape::time) return false;
  if (text.size() != (micro ? kMicrosBytes : kSecondsBytes) || text[10] != 'T' || text.back() != 'Z' || (micro && text[19] != '.')) return false;
  return base::parse_time(text).has_value();
}

/// One that is put in as it is. Both with their quotes.
bool replaces(Shape shape, std::string_view value, std::string_view stored) {
  constexpr std::size_t kEmptyBytes = 2;
  if (value.empty() || stored.size() <= kEmptyBytes || stored.front() != '"') return false;
  if (shape == Shape::string) return is_plain(inside(value));
  return stored.size() == value.size() && is_canonical(shape, inside(value));
}

/// `{"MEMBER":{"NAME":"TEXT",...}}`, each name once; no stamps: it is anything else.
Stamps stamps_in(std::string_view patch, std::string_view member, const Type& type) {
  Stamps out;
  if (!take(patch, "{") || !take(patch, "\"") || !take(patch, member) || !take(patch, "\":{")) return {};
  do {
    const auto name = take_string(patch);
    if (name.empty() || !take(patch, ":")) return {};
    const auto value = take_string(patch);
    const auto* const field = value.empty() ? nullptr : find_field(type, inside(name));
    if (!field || out.size() == kStampsMax) return {};
    if (std::any_of(out.begin(), out.end(), [&](const Stamp& other) { return other.name == inside(name); })) return {};
    out.push_back({inside(name), value, {}, field->type->shape});
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

/// Where its only entry's time stands, between its quotes; 0: there are several, or it has none.
std::size_t find_time(std::string_view entries) {
  PrintedElements elements(entries);
  const auto entry = elements.next() ? elements.value() : std::string_view();
  const auto time = elements.next() ? std::string_view() : printed_member(entry, "time");
  return time.size() == kSecondsBytes + 2 ? static_cast<std::size_t>(time.data() - entries.data()) + 1 : 0;
}

bool same_but_for_time(std::string_view entries, const LastCredited& last) {
  const auto behind = last.time_at + kSecondsBytes;
  return last.time_at != 0 && entries.size() == last.entries.size() && entries.substr(0, last.time_at) == std::string_view(last.entries).substr(0, last.time_at) &&
         entries.substr(behind) == std::string_view(last.entries).substr(behind);
}

/// Whether the same is said by the same of the same.
bool is_credited(const NarrowWrite& write, std::string_view managers, const Stamps& stamps, LastCredited& last) {
  const auto now = write.manager.now_unix_s;
  if (last.kind != write.kind.kind || last.group != write.kind.group || last.version != write.kind.version || last.manager != write.manager.manager || last.subresource != write.manager.subresource || !same_names(stamps, last.names)) return false;
  if (last.now_unix_s == now && last.entries == managers) return true;
  if (!same_but_for_time(managers, last)) return false;
  if (std::exchange(last.now_unix_s, now) != now) last.credited.replace(last.time_at, kSecondsBytes, utc_text(now));
  return true;
}

/// What becomes of the entries stands in `last` then. False: that cannot be told from their text.
bool credit(const NarrowWrite& write, std::string_view member, std::string_view managers, const Stamps& stamps, const json::storage_ptr& memory, LastCredited& last) {
  if (is_credited(write, managers, stamps, last)) return true;
  const Comparison change{fields_of(stamps, member, memory), FieldSet(memory)};
  auto credited = credited_text(managers, change, {write.manager.manager, std::string(kUpdate), write.kind.api_version(), write.manager.subresource}, write.manager.now_unix_s);
  if (!credited) return false;
  last = {std::string(managers), std::move(credited->entries), credited->more ? 0 : find_time(managers), {}, write.kind.kind, write.kind.group, write.kind.version, write.manager.manager, write.manager.subresource, write.manager.now_unix_s};
  for (const Stamp& stamp : stamps) last.names.emplace_back(stamp.name);
  return true;
}

LastCredited& last_of_thread() {
  static thread_local LastCredited last;
  return last;
}

/// The stored text with the stamps in their places, which follow what is said of managers.
std::optional<Narrowed> put_in(const NarrowWrite& write, std::string_view member, std::string_view managers, Stamps& stamps, const json::storage_ptr& memory, LastCredited& last) {
  if (!std::all_of(stamps.begin(), stamps.end(), [](const Stamp& stamp) { return stamp.stored == stamp.value || replaces(stamp.shape, stamp.value, stamp.stored); })) return std::nullopt;
  stamps.erase(std::remove_if(stamps.begin(), stamps.end(), [](const Stamp& stamp) { return stamp.stored == stamp.value; }), stamps.end());
  if (stamps.empty()) return Narrowed{};
  if (!managers.empty() && !credit(write, member, managers, stamps, memory, last)) return std::nullopt;
  std::sort(stamps.begin(), stamps.end(), [](const Stamp& a, const Stamp& b) { return a.stored.data() < b.stored.data(); });
  Narrowed out{true, {}};
  out.body.reserve(write.stored.size() + last.credited.size() + kStampsMax * kStampRoomBytes);
  const char* from = write.stored.data();
  const auto put = [&](std::string_view stored, std::string_view value) {
    out.body.append(from, stored.data()).append(value);
    from = stored.data() + stored.size();
  };
  if (!managers.empty()) put(managers, last.credited);   // else nobody tracks this object
  for (const Stamp& stamp : stamps) put(stamp.stored, stamp.value);
  out.body.append(from, write.stored.data() + write.stored.size());
  return out;
}

/// What is stored of an object, to be met by what was sent.
class Met {
 public:
  struct Member {
    std::string_view name, value;
    bool sent = false;
  };
  void add(std::string_view name, std::string_view value) { all_.push_back({name, value}); }
  /// All of an object's, and goes behind them.
  void add_inside(PrintedMembers& object) {
    auto members = object.inside();
    while (members.next()) add(members.name(), members.value());
    object.go_behind(members);
  }
  std::string_view value_of(std::string_view name) const {
    const auto found = std::find_if(all_.begin(), all_.end(), [&](const Member& member) { return member.name == name; });
    return found == all_.end() ? std::string_view() : found->value;
  }
  /// Null: there is none, or it was found before. Mostly they come in the order in which they are printed.
  Member* find(std::string_view name) {
    for (std::size_t tried = 0; tried < all_.size(); ++tried) {
      Member& member = all_[next_];
      next_ = next_ + 1 == all_.size() ? 0 : next_ + 1;
      if (member.name == name) return std::exchange(member.sent, true) ? nullptr : &member;
    }
    return nullptr;
  }
  template <class May>
  bool all_sent_but(May may_be_left_out) const {
    return std::all_of(all_.begin(), all_.end(), [&](const Member& member) { return member.sent || may_be_left_out(member.name); });
  }

 private:
  boost::container::small_vector<Member, kMembersLikely> all_;
  std::size_t next_ = 0;
};

/// An object as somebody sent it.
class Sent {
 public:
  explicit Sent(std::string_view text) : left_(text) {}
  bool take(std::string_view expected) {
    if (!left_.empty() && left_.front() <= ' ') left_.remove_prefix(std::min(left_.find_first_not_of(" \t\r\n"), left_.size()));
    return kinds::take(left_, expected);
  }
  /// The text that comes next, as take_string().
  std::string_view take_text() { return take("") ? take_string(left_) : std::string_view(); }
  bool take_quoted(std::string_view text) { return take("\"") && kinds::take(left_, text) && kinds::take(left_, "\""); }
  bool is_at_end() { return take("") && left_.empty(); }
  /// Whether `takes` the value of each member.
  template <class Takes>
  bool take_members(Takes takes) {
    if (!take("{")) return false;
    do {
      const auto name = take_text();
      if (name.empty() || !take(":") || !takes(inside(name))) return false;
    } while (take(","));
    return take("}");
  }

 private:
  std::string_view left_;
};

/// What the server keeps itself may be left out.
bool take_metadata(Sent& sent, Met& met, std::string_view revision) {
  const auto takes = [&](std::string_view name) {
    const auto* const member = met.find(name);
    if (!member) return false;
    if (name == kRevision) return sent.take_quoted(revision);
    return sent.take(member->value) || (name == "creationTimestamp" && sent.take("null"));
  };
  constexpr std::array<std::string_view, 6> kKept{"namespace", "uid", "creationTimestamp", "generation", "selfLink", kManagedFields};
  return sent.take_members(takes) && met.all_sent_but([&](std::string_view name) { return std::find(kKept.begin(), kKept.end(), name) != kKept.end(); });
}

bool take_stamps(Sent& sent, Met& met, const Type& type, Stamps& stamps) {
  const auto takes = [&](std::string_view name) {
    const auto* const member = met.find(name);
    if (!member || sent.take(member->value)) return member != nullptr;
    const auto* const field = find_field(type, name);
    if (!field || stamps.size() == kStampsMax) return false;
    stamps.push_back({name, sent.take_text(), member->value, field->type->shape});
    return true;
  };
  return sent.take_members(takes) && met.all_sent_but([](std::string_view) { return false; });
}

}  // namespace

std::optional<Narrowed> stamped(const NarrowWrite& write, std::string_view patch, const json::storage_ptr& memory, LastCredited* last) {
  const auto member = judged_without_texts(write.kind, write.subresource);
  const auto* const field = member.empty() || !write.kind.type ? nullptr : find_field(*write.kind.type, member);
  if (!field) return std::nullopt;
  auto stamps = stamps_in(patch, member, *field->type);
  if (stamps.empty()) return std::nullopt;
  if (!last) last = &last_of_thread();
  const auto managers = find_managers(write.stored, *last);
  find_places(write.stored, member, managers.empty() ? 0 : static_cast<std::size_t>(managers.data() + managers.size() - write.stored.data()), stamps);
  return put_in(write, member, managers, stamps, memory, *last);
}

std::optional<Narrowed> sent_back(const NarrowWrite& write, std::string_view sent, std::string_view revision, const json::storage_ptr& memory) {
  const auto member = judged_without_texts(write.kind, write.subresource);
  const auto* const field = member.empty() || !write.kind.type ? nullptr : find_field(*write.kind.type, member);
  if (!field) return std::nullopt;
  Met whole, metadata, part;
  for (PrintedMembers members(write.stored); members.next_name();) {
    auto* const inside = !members.is_object() ? nullptr : members.name() == kMetadata ? &metadata : members.name() == member ? &part : nullptr;
    if (inside) inside->add_inside(members);
    else members.take_value();
    whole.add(members.name(), inside ? std::string_view() : members.value());
  }
  Stamps stamps;
  Sent object(sent);
  const auto takes = [&](std::string_view name) {
    const auto* const stored = whole.find(name);
    if (!stored) return false;
    if (!stored->value.empty()) return object.take(stored->value);
    return name == member ? take_stamps(object, part, *field->type, stamps) : take_metadata(object, metadata, revision);
  };
  if (!object.take_members(takes) || !object.is_at_end() || !whole.all_sent_but([](std::string_view) { return false; })) return std::nullopt;
  return put_in(write, member, metadata.value_of(kManagedFields), stamps, memory, last_of_thread());
}

}  // namespace keelson::kinds
