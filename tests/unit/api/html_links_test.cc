#include "core/api/html_links.hpp"

#include <zlib.h>

#include <catch2/catch.hpp>

#include "core/api/inflating.hpp"

using namespace keelson::api;

namespace {

const ProxiedAt kAt{"/api/v1/namespaces/n/pods/p/proxy", "10.0.0.7:8080", "cluster:6443"};
const std::string kPrefix = kAt.prefix;

/// The page in pieces of that size.
std::string led(const std::string& page, std::size_t bytes) {
  HtmlLinks links(kAt);
  std::string out;
  for (std::size_t at = 0; at < page.size(); at += bytes) links.feed(std::string_view(page).substr(at, bytes), out);
  links.end(out);
  return out;
}

std::string compressed(const std::string& text, int window) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

TEST_CASE("a path of the same host is led through the proxy, all other links stay") {
  const std::pair<std::string, std::string> cases[] = {
      {"/", kPrefix + "/"}, {"/a/b?q=1#f", kPrefix + "/a/b?q=1#f"}, {"/a//b/./c/../d/", kPrefix + "/a/b/d/"}, {"/../../x", kPrefix + "/x"},
      {"a/b", "a/b"}, {"?q", "?q"}, {"#f", "#f"}, {"", ""}, {"mailto:a@b", "mailto:a@b"}, {"javascript:go('/x')", "javascript:go('/x')"},
      {"http://10.0.0.7:8080/x", kPrefix + "/x"}, {"//10.0.0.7:8080/x", kPrefix + "/x"}, {"http://10.0.0.7:8080", "http://10.0.0.7:8080"},
      {"https://cluster:6443/x", "https://cluster:6443" + kPrefix + "/x"}, {"http://elsewhere/x", "http://elsewhere/x"}, {"//elsewhere/x", "//elsewhere/x"},
      {kPrefix + "/x", kPrefix + "/x"}};
  for (const auto& [url, wanted] : cases) CHECK(proxied_url(url, kAt) == wanted);
}

TEST_CASE("attributes that hold links are rewritten in tags alone, however the page comes in") {
  const std::string page =
      "<!DOCTYPE html><HTML manifest=/m><head><title><a href='/no'></title><!-- <a href='/no'> --><style>a{}</style><base href=\"/b/\">"
      "<script src='/s.js' data-src=\"/no\">if (a<b) x = \"<a href='/no'>\";</SCRIPT ></head>1 < 2 <A class=x HREF = '/y?a=1&amp;b=2' title=\"a > b\">t</A>"
      "<img src=/i.png usemap='#m' alt=it's><a href>x</a><p href='/no'><form action=\"/f\" /><textarea><a href='/no'></textarea><link href=//elsewhere/c.css></HTML";
  const std::string wanted =
      "<!DOCTYPE html><HTML manifest=" + kPrefix + "/m><head><title><a href='/no'></title><!-- <a href='/no'> --><style>a{}</style><base href=\"" + kPrefix + "/b/\">"
      "<script src='" + kPrefix + "/s.js' data-src=\"/no\">if (a<b) x = \"<a href='/no'>\";</SCRIPT ></head>1 < 2 <A class=x HREF = '" + kPrefix + "/y?a=1&amp;b=2' title=\"a > b\">t</A>"
      "<img src=" + kPrefix + "/i.png usemap='#m' alt=it's><a href>x</a><p href='/no'><form action=\"" + kPrefix + "/f\" /><textarea><a href='/no'></textarea><link href=//elsewhere/c.css></HTML";
  for (const std::size_t bytes : {1u, 2u, 3u, 7u, 64u, 4096u}) CHECK(led(page, bytes) == wanted);
}

TEST_CASE("what is no page goes through: tags without an end, broken ones, and bytes that are no text") {
  const std::string endless = "<a href='/x" + std::string(3 * kTagBytesMax, 'x');
  CHECK(led(endless, 1000) == endless);
  const std::vector<std::string> pages{"<", "<a", "<a href=", "<!-", "<!-- x --", "<script>x</scrip", "a<1", std::string("\0\xff<\x80", 4)};
  for (const auto& page : pages) CHECK(led(page, 1) == page);
}

TEST_CASE("compressed bodies unfold as they come, and to no more than is allowed") {
  const std::string text(100'000, 'x');
  for (const auto& [encoding, window] : {std::pair{"gzip", 31}, std::pair{"deflate", -15}}) {
    const auto bytes = compressed(text, window);
    auto inflating = Inflating::of(encoding);
    std::string out;
    for (std::size_t at = 0; at < bytes.size(); at += 10) REQUIRE(inflating->feed(std::string_view(bytes).substr(at, 10), out));
    CHECK(out == text);
    out.clear();
    CHECK_FALSE(Inflating::of(encoding)->feed(compressed(std::string(kInflatedBytesMax + 100'000, 'x'), window), out));
    CHECK_FALSE(Inflating::of(encoding)->feed("\xff\xff\xff\xff", out));
  }
  CHECK(Inflating::of("br") == nullptr);
}
