// What differs between two objects as text. Most of an object is as it was, and what has the same text is the same: only the
// rest is looked at as values.
#include <algorithm>
#include <cstring>

#include <keelson/codec/json_text.hpp>
#include <keelson/json_value.hpp>
#include <keelson/state.hpp>

namespace keelson::detail {
namespace {

namespace json = boost::json;
using codec::JsonText;

/// Name, quotes included, and value as they stand in the text.
struct Member {
  std::string_view name, value;
};

Member next_member(JsonText& text) {
  if (text.peek() != '"') text.fail("expected a name");
  const auto name = text.value();
  text.expect(':');
  return {name, text.value()};
}

/// `rest` is that of an object, from a name or its end.
std::vector<Member> members_from(std::string_view rest) {
  std::vector<Member> all;
  JsonText text(rest);
  if (text.take('}')) return all;
  constexpr std::size_t kTypical = 16;
  all.reserve(kTypical);
  do all.push_back(next_member(text));
  while (text.take(','));
  text.expect('}');
  return all;
}

/// Without the space before it.
std::string_view object_of(std::string_view text) {
  JsonText(text).expect('{');
  return text.substr(text.find('{'));
}

std::vector<Member> members_of(std::string_view object) { return members_from(object_of(object).substr(1)); }

/// How much the two have in common at their beginning.
std::size_t common(std::string_view a, std::string_view b) {
  const auto size = std::min(a.size(), b.size());
  std::size_t at = 0;
  for (std::uint64_t x = 0, y = 0; at + sizeof x <= size; at += sizeof x) {
    std::memcpy(&x, a.data() + at, sizeof x);
    std::memcpy(&y, b.data() + at, sizeof y);
    if (x != y) break;
  }
  while (at < size && a[at] == b[at]) ++at;
  return at;
}

/// Where in both objects the first member is that is not in what they have in common; what comes before needs to be read once.
std::size_t first_different(std::string_view from, std::string_view to) {
  const auto same = common(from, to);
  JsonText text(to);
  text.expect('{');
  if (same <= 1 || text.peek() == '}') return 1;
  for (;;) {
    const auto one = next_member(text);
    const auto end = static_cast<std::size_t>(one.value.data() + one.value.size() - to.data());
    if (end >= same || !text.take(',')) return static_cast<std::size_t>(one.name.data() - to.data());
  }
}

bool is_object(std::string_view value) { return !value.empty() && value.front() == '{'; }
bool is_null(std::string_view value) { return value == "null"; }

bool same(std::string_view a, std::string_view b) {
  if (a == b) return true;
  if (is_object(a) != is_object(b)) return false;
  json::monotonic_resource arena;
  return json_of(a, &arena) == json_of(b, &arena);
}

class Patch {
 public:
  explicit Patch(std::string& out) : out_(out) {}
  /// RFC 7386, from `from` to `to`. False, and nothing is written: they are the same.
  bool write(std::string_view from, std::string_view to);

 private:
  void put(std::string_view name) {
    out_ += separator_;
    separator_ = ',';
    out_.append(name) += ':';
  }
  void changed(const Member& before, const Member& now);
  std::string& out_;
  char separator_ = '{';
};

void Patch::changed(const Member& before, const Member& now) {
  if (!is_object(before.value) || !is_object(now.value)) {
    if (!same(before.value, now.value)) put(now.name), out_.append(now.value);
    return;
  }
  const auto length = out_.size();
  const auto separator = separator_;
  put(now.name);
  if (Patch(out_).write(before.value, now.value)) return;
  out_.resize(length);
  separator_ = separator;
}

// Both have the same order nearly always, so the search goes on where it found the last one.
bool Patch::write(std::string_view from, std::string_view to) {
  if (!is_object(from) || !is_object(to)) return write(object_of(from), object_of(to));
  const auto first = first_different(from, to);
  const auto before = members_from(from.substr(first)), now = members_from(to.substr(first));
  std::vector<bool> kept(before.size());
  std::size_t next = 0;
  for (const auto& member : now) {
    std::size_t at = 0;
    for (; at < before.size() && before[(next + at) % before.size()].name != member.name; ++at) {}
    if (at == before.size()) {
      if (!is_null(member.value)) put(member.name), out_.append(member.value);
      continue;
    }
    at = (next + at) % before.size();
    kept[at] = true;
    next = at + 1;
    if (before[at].value != member.value) changed(before[at], member);
  }
  for (std::size_t i = 0; i < before.size(); ++i)
    if (!kept[i] && !is_null(before[i].value)) put(before[i].name), out_.append("null");
  if (separator_ == '{') return false;
  out_ += '}';
  return true;
}

/// The value of a member, empty when there is none. What comes after it is not looked at.
std::string_view member(std::string_view object, std::string_view quoted_name) {
  JsonText text(object);
  text.expect('{');
  if (text.take('}')) return {};
  do {
    const auto one = next_member(text);
    if (one.name == quoted_name) return one.value;
  } while (text.take(','));
  return {};
}

std::string text_of_member(std::string_view object, std::string_view quoted_name) {
  const auto value = member(object, quoted_name);
  if (value.empty() || value.front() != '"') return {};
  std::string buffer;
  return std::string(JsonText(value).string(buffer));
}

std::string_view metadata_of(std::string_view object) {
  const auto metadata = member(object, R"("metadata")");
  return is_object(metadata) ? metadata : "{}";
}

}  // namespace

// `patch` comes from here: it has no space around it and is not empty.
std::string under_revision(std::string patch, std::string_view revision) {
  if (revision.empty() || revision == R"("")") return patch;
  const auto metadata = member(patch, R"("metadata")");
  std::string settled = "{";
  if (is_object(metadata))
    for (const auto& one : members_of(metadata))
      if (one.name != R"("resourceVersion")") settled.append(one.name).append(":").append(one.value).append(",");
  settled.append(R"("resourceVersion":)").append(revision).append("}");
  if (metadata.empty()) {
    patch.back() = ',';
    return patch.append(R"("metadata":)").append(settled).append("}");
  }
  return patch.replace(static_cast<std::size_t>(metadata.data() - patch.data()), metadata.size(), settled);
}

bool raw_modification(std::string& out, std::string_view from, std::string_view to) {
  if (to.empty()) to = "null";
  if (from == to || same(from.empty() ? "null" : from, to)) return false;
  if (is_object(from) && is_object(to)) {
    if (from.find('\\') == from.npos && to.find('\\') == to.npos) return Patch(out).write(from, to);
    out += difference_of_values(from, to);
  } else {
    out += to;
  }
  return true;
}

// Names have several spellings where there are escapes.
std::string modification(std::string_view from_json, std::string_view to_json) {
  if (from_json.find('\\') != from_json.npos || to_json.find('\\') != to_json.npos) return modification_of_values(from_json, to_json);
  std::string patch;
  if (!Patch(patch).write(from_json, to_json)) return {};
  return under_revision(std::move(patch), member(metadata_of(from_json), R"("resourceVersion")"));
}

Key key_of(std::string_view object_json) {
  const auto metadata = metadata_of(object_json);
  return {text_of_member(metadata, R"("namespace")"), text_of_member(metadata, R"("name")")};
}

std::string status_modification(std::string_view object_json, const StatusChange& change) {
  auto patch = status_patch(member(object_json, R"("status")"), change);
  return patch.empty() ? patch : under_revision(std::move(patch), member(metadata_of(object_json), R"("resourceVersion")"));
}

}  // namespace keelson::detail
