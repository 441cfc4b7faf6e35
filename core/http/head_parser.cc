#include "core/http/head_parser.hpp"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "core/kinds/engine.hpp"

namespace keelson::http {
namespace beast = boost::beast;
namespace http = beast::http;

namespace {

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

std::string failure_text(int status) { return std::to_string(status) + " " + std::string(phrase(status)); }

ParseFailure plain(int status) { return {status, failure_text(status), false}; }

ParseFailure too_large() {
  return {413, "Request entity too large: limit is " + std::to_string(kinds::kBodyBytesMax), true};
}

ParseFailure explain(beast::error_code error) {
  if (error == http::error::header_limit) return plain(431);
  if (error == http::error::body_limit) return too_large();
  return plain(400);
}

// An absolute target ("GET https://host/path") is cut to its path; empty: not a target that is served.
std::string_view origin_form(std::string_view target) {
  if (!target.empty() && target.front() == '/') return target;
  const auto scheme = target.find("://");
  if (scheme == std::string_view::npos) return {};
  const auto path = target.find('/', scheme + 3);
  return path == std::string_view::npos ? std::string_view("/") : target.substr(path);
}

bool clean(std::string_view value) {
  for (const unsigned char c : value)
    if (c < 0x20 && c != '\t') return false;
  return true;
}

}  // namespace

// Beast's grammar without its container of fields: what it finds goes where the request needs it.
struct RequestParser::Impl final : http::basic_parser<true> {
  State state = State::head;
  ParseFailure failure;
  Request request;
  std::string target;
  unsigned version = 0, hosts = 0, lengths = 0, codings = 0;
  bool in_head = true, clean_values = true, expects_continue = false;

  Impl() {
    header_limit(kHeaderBytesMax);
    body_limit(kinds::kBodyBytesMax);
    eager(false);
    request.headers.reserve(kUsualHeaders);
  }

  void fail(ParseFailure why) {
    failure = std::move(why);
    state = State::failed;
  }

  void head_done() {
    if (!clean_values || hosts > 1 || (hosts == 0 && version >= 11)) return fail(plain(400));
    if (lengths > 1 || codings > 1 || (lengths && codings)) return fail(plain(400));
    if (codings && !same_text(request.header("Transfer-Encoding"), "chunked")) return fail(plain(400));
    if (version > 11 || origin_form(target).empty()) return fail(plain(400));
    expects_continue = same_text(request.header("Expect"), "100-continue");
    state = is_done() ? State::complete : State::body;
    eager(true);
  }

 private:
  static constexpr std::size_t kUsualHeaders = 8;

  void on_request_impl(http::verb, beast::string_view method, beast::string_view path, int number, beast::error_code& error) override {
    error = {};
    request.method = view(method);
    target = view(path);
    version = static_cast<unsigned>(number);
  }
  void on_field_impl(http::field name, beast::string_view text, beast::string_view value, beast::error_code& error) override {
    error = {};
    if (!in_head) return;   // a trailer adds nothing
    hosts += name == http::field::host;
    lengths += name == http::field::content_length;
    codings += name == http::field::transfer_encoding;
    clean_values = clean_values && clean(view(value));
    request.headers.emplace_back(view(text), view(value));
  }
  void on_header_impl(beast::error_code& error) override {
    error = {};
    in_head = false;
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, beast::error_code& error) override {
    error = {};
    if (length) request.body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*length, kinds::kBodyBytesMax)));
  }
  std::size_t on_body_impl(beast::string_view bytes, beast::error_code& error) override {
    error = {};
    request.body += view(bytes);
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code& error) override { error = {}; }
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view bytes, beast::error_code& error) override { return on_body_impl(bytes, error); }
  void on_finish_impl(beast::error_code& error) override { error = {}; }
  void on_response_impl(int, beast::string_view, int, beast::error_code& error) override { error = http::error::bad_version; }
};

RequestParser::RequestParser() : impl_(std::make_unique<Impl>()) {}
RequestParser::~RequestParser() = default;
RequestParser::State RequestParser::state() const { return impl_->state; }
const ParseFailure& RequestParser::failure() const { return impl_->failure; }
bool RequestParser::keep_alive() const { return impl_->keep_alive(); }
bool RequestParser::http10() const { return impl_->version < 11; }

bool RequestParser::take_expects_continue() { return std::exchange(impl_->expects_continue, false); }

std::size_t RequestParser::feed(std::string_view bytes) {
  beast::error_code error;
  const auto used = impl_->put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  if (error == http::error::need_more) return used;
  const bool head = impl_->state == State::head;
  if (error) {
    impl_->fail(explain(error));
  } else if (head && impl_->is_header_done()) {
    impl_->head_done();
  } else if (impl_->is_done()) {
    impl_->state = State::complete;
  }
  return used;
}

Request RequestParser::take() {
  Request request = std::move(impl_->request);
  const auto target = origin_form(impl_->target);
  const auto question = target.find('?');
  request.path = target.substr(0, question);
  if (question != std::string_view::npos) request.query = target.substr(question + 1);
  request.upgrade = lists_token(request.joined("Connection"), "upgrade") && !request.header("Upgrade").empty();
  return request;
}

std::optional<UpgradeAnswer> parse_upgrade_answer(std::string_view bytes, bool at_end) {
  http::response_parser<http::string_body> parser;
  parser.header_limit(kHeaderBytesMax);
  parser.body_limit(kinds::kBodyBytesMax);
  beast::error_code error;
  const auto head = parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  if (error && error != http::error::need_more) return std::nullopt;
  UpgradeAnswer answer;
  if (!parser.is_header_done()) return answer;
  answer.status = parser.get().result_int();
  answer.head_bytes = head;
  if (answer.status == 101) return answer;
  answer.content_type = view(parser.get()[http::field::content_type]);
  parser.eager(true);
  std::size_t at = head;
  while (!error && !parser.is_done() && at < bytes.size())
    at += parser.put(boost::asio::buffer(bytes.data() + at, bytes.size() - at), error);
  answer.complete = parser.is_done() || at_end;
  answer.body = parser.get().body();
  return answer;
}

}  // namespace keelson::http
