// What differs between two objects as text. Most of an object is as it was, and what has the same text is the same: only the
// rest is looked at as values.
#include <boost/json.hpp>

#include <keelson/codec/json_text.hpp>
#include <keelson/state.hpp>

namespace keelson::detail {
namespace {

namespace json = boost::json;
using codec::JsonText;

/// Name, quotes included, and value as they stand in the text.
struct Member {
  std::string_view name, value;
};

std::vector<Member> members_of(std::string_view object) {
  std::vector<Member> all;
  JsonText text(object);
  text.expect('{');
  if (text.take('}')) return all;
  constexpr std::size_t kTypical = 16;
  all.reserve(kTypical);
  do {
    if (text.peek() != '"') text.fail("expected a name");
    const auto name = text.value();
    text.expect(':');
    all.push_back({name, text.value()});
  } while (text.take(','));
  text.expect('}');
  return all;
}

bool is_object(std::string_view value) { return !value.empty() && value.front() == '{'; }
bool is_null(std::string_view value) { return value == "null"; }

bool same(std::string_view a, std::string_view b) {
  if (a == b) return true;
  if (is_object(a) != is_object(b)) return false;
  json::monotonic_resource arena;
  return json::parse(a, &arena) == json::parse(b, &arena);
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
  const auto before = members_of(from), now = members_of(to);
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

std::string_view member(const std::vector<Member>& members, std::string_view quoted_name) {
  for (const auto& one : members)
    if (one.name == quoted_name) return one.value;
  return {};
}

std::string text_of_member(const std::vector<Member>& members, std::string_view quoted_name) {
  const auto value = member(members, quoted_name);
  if (value.empty() || value.front() != '"') return {};
  std::string buffer;
  return std::string(JsonText(value).string(buffer));
}

std::vector<Member> metadata_of(std::string_view object) {
  const auto value = member(members_of(object), R"("metadata")");
  return is_object(value) ? members_of(value) : std::vector<Member>();
}

/// `patch` with the revision that it starts from.
std::string under_revision(const std::string& patch, std::string_view revision) {
  if (revision.empty() || revision == R"("")") return patch;
  std::string out;
  out.reserve(patch.size() + revision.size() + 64);
  char separator = '{';
  bool held = false;
  const auto put = [&](std::string_view name, std::string_view value) {
    out += separator;
    separator = ',';
    out.append(name).append(":").append(value);
  };
  for (const auto& one : members_of(patch)) {
    if (one.name != R"("metadata")") {
      put(one.name, one.value);
      continue;
    }
    held = true;
    put(one.name, {});
    char inner = '{';
    if (is_object(one.value))
      for (const auto& below : members_of(one.value)) {
        if (below.name == R"("resourceVersion")") continue;
        out += inner;
        inner = ',';
        out.append(below.name).append(":").append(below.value);
      }
    out += inner;
    out.append(R"("resourceVersion":)").append(revision).append("}");
  }
  if (!held) put(R"("metadata")", std::string(R"({"resourceVersion":)").append(revision).append("}"));
  return out + '}';
}

}  // namespace

// Names have several spellings where there are escapes.
std::string modification(std::string_view from_json, std::string_view to_json) {
  if (from_json.find('\\') != from_json.npos || to_json.find('\\') != to_json.npos) return modification_of_values(from_json, to_json);
  std::string patch;
  if (!Patch(patch).write(from_json, to_json)) return {};
  return under_revision(patch, member(metadata_of(from_json), R"("resourceVersion")"));
}

Key key_of(std::string_view object_json) {
  const auto metadata = metadata_of(object_json);
  return {text_of_member(metadata, R"("namespace")"), text_of_member(metadata, R"("name")")};
}

std::string revision_of(std::string_view object_json) { return text_of_member(metadata_of(object_json), R"("resourceVersion")"); }

}  // namespace keelson::detail
