#include "core/kinds/managed/managed_text.hpp"

#include <algorithm>
#include <array>
#include <boost/container/small_vector.hpp>

#include "core/kinds/edit.hpp"
#include "core/kinds/json_print.hpp"

namespace keelson::kinds {
namespace {

/// The members of an entry that it is told apart and sorted by, between their quotes; "" for one that is absent.
struct PrintedEntry {
  std::string_view text;
  std::string_view operation, time, manager, api_version, subresource, fields_type, set;

  bool before(const PrintedEntry& other) const {
    const std::array mine{operation, time, manager, api_version, subresource}, its{other.operation, other.time, other.manager, other.api_version, other.subresource};
    return mine < its;
  }
};
using PrintedEntries = boost::container::small_vector<PrintedEntry, kUpdateManagersMax>;

/// False: there are escapes in it, so that its text does not sort as what it means.
bool take_text(std::string_view printed, std::string_view& out) {
  if (printed.size() < 2 || printed.front() != '"') return false;
  out = printed.substr(1, printed.size() - 2);
  return out.find('\\') == std::string_view::npos;
}

bool read_entry(std::string_view text, PrintedEntry& out) {
  out.text = text;
  for (PrintedMembers members(text); members.next();) {
    const auto name = members.name();
    if (name == "fieldsV1") {
      out.set = members.value();
      continue;
    }
    auto* const into = name == "operation" ? &out.operation : name == "time" ? &out.time : name == "manager" ? &out.manager : name == "apiVersion" ? &out.api_version
                     : name == "subresource" ? &out.subresource : name == "fieldsType" ? &out.fields_type : nullptr;
    if (!into || !take_text(members.value(), *into)) return false;
  }
  const bool usable = out.operation == kApply || out.operation == kUpdate;
  return usable && !out.api_version.empty() && out.fields_type == "FieldsV1" && out.set.size() > 2 && out.set.front() == '{';
}

/// A member's name as sets have it: quotes and backslashes are escaped in k:{"type":"Ready"}, which `room` takes. False: it holds what
/// else is escaped.
bool take_name(std::string_view printed, std::string& room, std::string_view& out) {
  out = printed;
  if (printed.find('\\') == std::string_view::npos) return true;
  room.clear();
  for (std::size_t at = 0; at < printed.size(); ++at) {
    if (printed[at] == '\\' && (++at == printed.size() || (printed[at] != '"' && printed[at] != '\\'))) return false;
    room += printed[at];
  }
  out = room;
  return true;
}

/// One node of a printed set and what a write says of it.
class PrintedSet {
 public:
  explicit PrintedSet(std::string_view node) : node_(node) {}

  /// Whether all of `set` is in it; its own order has to be that of sets, which whoever sent it may not have known.
  bool holds(const FieldSet& set) const {
    std::size_t found = 0;
    std::string rooms[2];
    std::string_view name, last;
    std::size_t turn = 0;
    for (PrintedMembers members(node_); members.next(); last = name) {
      if (!take_name(members.name(), rooms[++turn % 2], name) || name <= last) return false;
      const auto* wanted = set.if_contains(name);
      if (!wanted) continue;
      ++found;
      if (name != kSelfElement && !PrintedSet(members.value()).holds_node(wanted->as_object())) return false;
    }
    return found == set.size();
  }
  /// Whether any of `set` is in it; true, too, where its names cannot be read.
  bool meets(const FieldSet& set) const {
    if (set.empty()) return false;
    std::string room;
    std::string_view name;
    for (PrintedMembers members(node_); members.next();) {
      if (!take_name(members.name(), room, name)) return true;
      const auto* other = name == kSelfElement ? nullptr : set.if_contains(name);
      if (other && PrintedSet(members.value()).meets_node(other->as_object())) return true;
    }
    return false;
  }

 private:
  bool is_member() const { return node_ == "{}" || !printed_member(node_, kSelfElement).empty(); }
  bool holds_node(const FieldSet& wanted) const { return wanted.empty() ? is_member() : holds(wanted); }
  bool meets_node(const FieldSet& other) const { return (kinds::is_member(other) && is_member()) || meets(other); }

  std::string_view node_;
};

void put_text(TextBuffer& out, std::string_view name, std::string_view text) {
  out.put(out.size() == 0 ? '{' : ',');
  out.put_key(name);
  print_string(out, text);
}

void put_set(TextBuffer& out, const FieldSet& set) {
  char before = '{';
  for (const auto& [name, below] : set) {
    out.put(before);
    print_string(out, name);
    out.put(':');
    put_set(out, below.as_object());
    before = ',';
  }
  out.put(before == '{' ? "{}" : "}");
}

std::string new_entry(const EntryName& by, const FieldSet& set, std::string_view now) {
  TextBuffer out;
  put_text(out, "manager", by.manager);
  put_text(out, "operation", by.operation);
  put_text(out, "apiVersion", by.api_version);
  put_text(out, "time", now);
  put_text(out, "fieldsType", "FieldsV1");
  out.put(',');
  out.put_key("fieldsV1");
  put_set(out, set);
  if (!by.subresource.empty()) put_text(out, "subresource", by.subresource);
  out.put('}');
  return std::string(out.text());
}

}  // namespace

std::optional<CreditedText> credited_text(std::string_view entries, const Comparison& change, const EntryName& by, std::int64_t now_unix_s) {
  PrintedEntries all;
  for (PrintedElements elements(entries); elements.next();)
    if (!read_entry(elements.value(), all.emplace_back())) return std::nullopt;
  PrintedEntry* own = nullptr;
  for (auto& entry : all) {
    const bool is_own = entry.manager == by.manager && entry.operation == by.operation && entry.subresource == by.subresource && entry.api_version == by.api_version;
    const PrintedSet set(entry.set);
    if (is_own && (own || !set.holds(change.taken))) return std::nullopt;
    if ((!is_own && set.meets(change.taken)) || set.meets(change.removed)) return std::nullopt;
    if (is_own) own = &entry;
  }
  if (change.taken.empty()) return std::nullopt;   // nothing but taken away, which dates nobody's entry
  const std::string now = utc_text(now_unix_s);
  std::string renewed;
  if (own) {
    if (own->time.empty()) return std::nullopt;
    renewed = own->text;
    renewed.replace(static_cast<std::size_t>(own->time.data() - own->text.data()), own->time.size(), now);
    own->text = renewed;
    own->time = now;
  } else {
    renewed = new_entry(by, change.taken, now);
    if (!read_entry(renewed, all.emplace_back())) return std::nullopt;
  }
  if (all.size() > kUpdateManagersMax) return std::nullopt;
  const auto before = [](const PrintedEntry& a, const PrintedEntry& b) { return a.before(b); };
  if (!std::is_sorted(all.begin(), all.end(), before)) std::stable_sort(all.begin(), all.end(), before);
  CreditedText out{{}, !own};
  out.entries.reserve(entries.size() + renewed.size() + 1);
  for (const auto& entry : all) out.entries.append(out.entries.empty() ? "[" : ",").append(entry.text);
  out.entries += ']';
  return out;
}

}  // namespace keelson::kinds
