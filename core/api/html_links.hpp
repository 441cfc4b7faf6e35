// Html links: pages of what is behind a `proxy` path, with their links led through that path, as upstream's proxy does: links to a path of
// the same host, in the attributes of HTML that hold one. Links relative to the page and those to other hosts stay.
//
// Invariants: what is no such link goes through byte by byte; a tag of more than kTagBytesMax goes through as it is. Comments and what is in
//   scripts and styles are not looked at.
// Threads: one at a time. Ownership: values. Errors: none, any bytes are a page.
#pragma once
#include <string>
#include <string_view>

namespace keelson::api {

inline constexpr std::size_t kTagBytesMax = 64u << 10;

/// What is proxied, as both sides call it.
struct ProxiedAt {
  std::string prefix;   ///< of all paths there: "/api/v1/namespaces/NS/pods/NAME/proxy"
  std::string there;    ///< host (and port) that is asked
  std::string here;     ///< host that the client asked
};

/// `url` of a page or a redirect there, as the client can follow it.
std::string proxied_url(std::string_view url, const ProxiedAt& at);

class HtmlLinks {
 public:
  explicit HtmlLinks(ProxiedAt at) : at_(std::move(at)) {}
  /// Appends to `out` what is known to be whole.
  void feed(std::string_view piece, std::string& out);
  /// No more comes.
  void end(std::string& out);

 private:
  enum class In { text, comment, raw };
  /// How many bytes were done with; 0: more have to come.
  std::size_t step(std::string_view rest, std::string& out);
  std::size_t text(std::string_view rest, std::string& out);
  std::size_t raw(std::string_view rest, std::string& out);
  std::size_t tag(std::string_view rest, std::string& out);

  const ProxiedAt at_;
  In in_ = In::text;
  std::string raw_;    // the element whose end is waited for
  std::string held_;   // not whole yet
};

}  // namespace keelson::api
