#include "core/api/html_links.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/http/http.hpp"

namespace keelson::api {
namespace {

constexpr std::string_view kComment = "<!--", kCommentEnd = "-->";

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

/// Elements whose content is text, whatever it looks like.
constexpr std::string_view kRaw[] = {"iframe", "noembed", "noframes", "plaintext", "script", "style", "textarea", "title", "xmp"};

struct LinkAttributes {
  std::string_view element, attributes;   // separated by spaces
};
constexpr LinkAttributes kLinks[] = {
    {"a", "href"}, {"applet", "codebase"}, {"area", "href"}, {"audio", "src"}, {"base", "href"}, {"blockquote", "cite"}, {"body", "background"}, {"button", "formaction"},
    {"command", "icon"}, {"del", "cite"}, {"embed", "src"}, {"form", "action"}, {"frame", "longdesc src"}, {"head", "profile"}, {"html", "manifest"}, {"iframe", "longdesc src"},
    {"img", "longdesc src usemap"}, {"input", "src usemap formaction"}, {"ins", "cite"}, {"link", "href"}, {"object", "classid codebase data usemap"}, {"q", "cite"},
    {"script", "src"}, {"source", "src"}, {"video", "poster src"}};

bool holds_link(std::string_view attributes, std::string_view name) {
  while (!attributes.empty()) {
    const auto end = std::min(attributes.find(' '), attributes.size());
    if (http::same_text(attributes.substr(0, end), name)) return true;
    attributes.remove_prefix(std::min(end + 1, attributes.size()));
  }
  return false;
}

struct Attribute {
  std::string_view name;
  std::size_t begin = 0, end = 0;   // of the value, in the tag
};
struct Tag {
  std::string_view name;
  std::vector<Attribute> attributes;
  std::size_t end = 0;
};

/// Reads a start tag from its '<'; nothing: it is not whole.
class TagReader {
 public:
  explicit TagReader(std::string_view text) : text_(text) {}
  std::optional<Tag> read() {
    Tag tag;
    at_ = 1;
    tag.name = until([](char c) { return is_space(c) || c == '/' || c == '>'; });
    for (;;) {
      skip([](char c) { return is_space(c) || c == '/'; });
      if (done()) return std::nullopt;
      if (text_[at_] == '>') return tag.end = at_ + 1, tag;
      if (!read_attribute(tag.attributes.emplace_back())) return std::nullopt;
    }
  }

 private:
  bool done() const { return at_ >= text_.size(); }
  template <class Stop>
  std::string_view until(Stop stop) {
    const auto begin = at_;
    while (!done() && !stop(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  template <class Skip>
  void skip(Skip skipped) {
    while (!done() && skipped(text_[at_])) ++at_;
  }
  bool read_attribute(Attribute& attribute) {
    const auto first = at_++;   // one '=' may begin a name
    until([](char c) { return is_space(c) || c == '/' || c == '>' || c == '='; });
    attribute.name = text_.substr(first, at_ - first);
    skip(is_space);
    if (done()) return false;
    if (text_[at_] != '=') return true;
    ++at_;
    skip(is_space);
    if (done()) return false;
    const char quote = text_[at_];
    const bool quoted = quote == '"' || quote == '\'';
    if (quoted) ++at_;
    attribute.begin = at_;
    until([&](char c) { return quoted ? c == quote : is_space(c) || c == '>'; });
    attribute.end = at_;
    if (done()) return false;
    if (quoted) ++at_;
    return true;
  }
  std::string_view text_;
  std::size_t at_ = 0;
};

/// Without empty segments, "." and "..".
std::string clean(std::string_view path) {
  std::vector<std::string_view> kept;
  const bool folder = path.ends_with('/');
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    if (segment == ".." && !kept.empty()) kept.pop_back();
    else if (!segment.empty() && segment != "." && segment != "..") kept.push_back(segment);
  }
  std::string out;
  for (const auto segment : kept) out.append("/").append(segment);
  return folder ? out + "/" : out;
}

/// "http:" of "http://...", empty when there is none; nothing: what follows is no path.
std::optional<std::string_view> scheme_of(std::string_view url) {
  const auto end = url.find_first_of(":/?#");
  if (end == url.npos || url[end] != ':') return std::string_view();
  if (end == 0 || !url.substr(end + 1).starts_with("//")) return std::nullopt;
  return url.substr(0, end + 1);
}

}  // namespace

std::string proxied_url(std::string_view url, const ProxiedAt& at) {
  const auto scheme = scheme_of(url);
  if (!scheme) return std::string(url);
  auto rest = url.substr(scheme->size());
  std::string_view host;
  if (rest.starts_with("//")) {
    host = rest.substr(2, rest.find_first_of("/?#", 2) - 2);
    rest.remove_prefix(std::min(rest.size(), 2 + host.size()));
  }
  if ((!host.empty() && host != at.there && host != at.here) || !rest.starts_with('/')) return std::string(url);
  const auto path = rest.substr(0, rest.find_first_of("?#"));
  std::string out;
  if (!host.empty() && host == at.here) out.append(*scheme).append("//").append(host);
  if (path.starts_with(at.prefix)) out.append(path);
  else out.append(at.prefix).append(clean(path));
  return out.append(rest.substr(path.size()));
}

std::size_t HtmlLinks::tag(std::string_view rest, std::string& out) {
  const auto tag = TagReader(rest).read();
  if (!tag) return 0;
  std::size_t written = 0;
  const auto links = std::find_if(std::begin(kLinks), std::end(kLinks), [&](const auto& one) { return http::same_text(one.element, tag->name); });
  for (const auto& attribute : tag->attributes) {
    if (links == std::end(kLinks) || attribute.begin == attribute.end || !holds_link(links->attributes, attribute.name)) continue;
    out.append(rest.substr(written, attribute.begin - written));
    out.append(proxied_url(rest.substr(attribute.begin, attribute.end - attribute.begin), at_));
    written = attribute.end;
  }
  out.append(rest.substr(written, tag->end - written));
  const auto raw = std::find_if(std::begin(kRaw), std::end(kRaw), [&](std::string_view name) { return http::same_text(name, tag->name); });
  if (raw != std::end(kRaw)) raw_ = *raw, in_ = In::raw;
  return tag->end;
}

std::size_t HtmlLinks::text(std::string_view rest, std::string& out) {
  const auto pass = [&](std::size_t bytes) { return out.append(rest.substr(0, bytes)), std::min(bytes, rest.size()); };
  const auto begin = rest.find('<');
  if (begin != 0) return pass(std::min(begin, rest.size()));
  if (rest.size() < 2) return 0;
  if (is_letter(rest[1])) return tag(rest, out);
  if (rest.starts_with(kComment)) return in_ = In::comment, pass(kComment.size());
  if (kComment.starts_with(rest)) return 0;
  if (rest[1] != '!' && rest[1] != '/' && rest[1] != '?') return pass(1);
  const auto end = rest.find('>');
  return end == rest.npos ? 0 : pass(end + 1);
}

std::size_t HtmlLinks::raw(std::string_view rest, std::string& out) {
  const auto size = raw_.size() + 2;   // of "</script"
  std::size_t at = 0;
  for (; at + size <= rest.size(); ++at)
    if (rest[at] == '<' && rest[at + 1] == '/' && http::same_text(rest.substr(at + 2, raw_.size()), raw_)) {
      in_ = In::text;
      break;
    }
  out.append(rest.substr(0, at));
  return at > 0 || in_ == In::raw ? at : text(rest, out);
}

std::size_t HtmlLinks::step(std::string_view rest, std::string& out) {
  if (in_ == In::text) return text(rest, out);
  if (in_ == In::raw) return raw(rest, out);
  const auto end = rest.find(kCommentEnd);
  const auto bytes = end != rest.npos ? end + kCommentEnd.size() : rest.size() < kCommentEnd.size() ? 0 : rest.size() - kCommentEnd.size() + 1;
  if (end != rest.npos) in_ = In::text;
  out.append(rest.substr(0, bytes));
  return bytes;
}

void HtmlLinks::feed(std::string_view piece, std::string& out) {
  held_.append(piece);
  std::size_t at = 0;
  for (std::size_t used = 1; used > 0 && at < held_.size(); at += used) used = step(std::string_view(held_).substr(at), out);
  held_.erase(0, at);
  if (held_.size() > kTagBytesMax) end(out);
}

void HtmlLinks::end(std::string& out) { out.append(std::exchange(held_, {})); }

}  // namespace keelson::api
