#include "core/verbs/plain_binding.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace keelson::verbs {
namespace {

/// A member that may be there, once, with any plain text or the one that is given.
struct PlainMember {
  std::string_view name, only;
  std::string_view* text = nullptr;
  bool seen = false;
};

class PlainText {
 public:
  explicit PlainText(std::string_view text) : left_(text) {}
  bool take(char c) {
    if (left_.empty() || left_.front() != c) return false;
    left_.remove_prefix(1);
    return true;
  }
  /// Printable ASCII without escapes.
  bool text(std::string_view& out) {
    if (!take('"')) return false;
    const auto end = std::find_if(left_.begin(), left_.end(), [](char c) { return c < ' ' || c > '~' || c == '"' || c == '\\'; });
    out = left_.substr(0, static_cast<std::size_t>(end - left_.begin()));
    left_.remove_prefix(out.size());
    return take('"');
  }
  bool at_end() const { return left_.empty(); }

 private:
  std::string_view left_;
};

/// The object's members, each of which `read` takes.
template <class Read>
bool read_object(PlainText& text, Read read) {
  if (!text.take('{')) return false;
  do {
    std::string_view name;
    if (!text.text(name) || !text.take(':') || !read(name)) return false;
  } while (text.take(','));
  return text.take('}');
}

template <std::size_t N>
bool read_texts(PlainText& text, PlainMember (&members)[N]) {
  return read_object(text, [&](std::string_view name) {
    auto* const member = std::find_if(std::begin(members), std::end(members), [&](const PlainMember& one) { return one.name == name; });
    std::string_view value;
    if (member == std::end(members) || member->seen || !text.text(value) || (!member->only.empty() && value != member->only)) return false;
    member->seen = true;
    if (member->text) *member->text = value;
    return true;
  });
}

}  // namespace

std::optional<PlainBinding> read_plain_binding(std::string_view body) {
  PlainBinding out;
  PlainMember type[] = {{"apiVersion", "v1"}, {"kind", "Binding"}};
  PlainMember metadata[] = {{"name", {}, &out.name}, {"namespace", {}, &out.ns}, {"uid", {}, &out.uid}};
  PlainMember target[] = {{"apiVersion", "v1"}, {"kind", {}, &out.target_kind}, {"name", {}, &out.target_name}};
  bool metadata_seen = false, target_seen = false;
  PlainText text(body);
  const bool plain = read_object(text, [&](std::string_view name) {
    if (name == "metadata") return !std::exchange(metadata_seen, true) && read_texts(text, metadata);
    if (name == "target") return !std::exchange(target_seen, true) && read_texts(text, target);
    auto* const member = std::find_if(std::begin(type), std::end(type), [&](const PlainMember& one) { return one.name == name; });
    std::string_view value;
    return member != std::end(type) && !std::exchange(member->seen, true) && text.text(value) && value == member->only;
  });
  return plain && text.at_end() ? std::optional(out) : std::nullopt;
}

}  // namespace keelson::verbs
