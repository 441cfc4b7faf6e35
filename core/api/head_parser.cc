#include "core/api/head_parser.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "core/kinds/engine.hpp"

namespace keelson::api {
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

struct RequestParser::Impl {
  http::request_parser<http::string_body> parser;
  State state = State::head;
  ParseFailure failure;
  Headers headers;   // before the body: trailers must not add to them
  bool expects_continue = false;

  Impl() {
    parser.header_limit(kHeaderBytesMax);
    parser.body_limit(kinds::kBodyBytesMax);
    parser.eager(false);
  }

  void fail(ParseFailure why) {
    failure = std::move(why);
    state = State::failed;
  }

  void head_done() {
    const auto& message = parser.get();
    std::size_t hosts = 0, lengths = 0, codings = 0;
    for (const auto& field : message) {
      hosts += field.name() == http::field::host;
      lengths += field.name() == http::field::content_length;
      codings += field.name() == http::field::transfer_encoding;
      if (!clean(view(field.value()))) return fail(plain(400));
      headers.emplace_back(view(field.name_string()), view(field.value()));
    }
    if (hosts > 1 || (hosts == 0 && message.version() >= 11)) return fail(plain(400));
    if (lengths > 1 || codings > 1 || (lengths && codings)) return fail(plain(400));
    if (codings && !same_text(view(message[http::field::transfer_encoding]), "chunked")) return fail(plain(400));
    if (message.version() > 11 || origin_form(view(message.target())).empty()) return fail(plain(400));
    expects_continue = same_text(view(message[http::field::expect]), "100-continue");
    state = parser.is_done() ? State::complete : State::body;
    parser.eager(true);
  }
};

RequestParser::RequestParser() : impl_(std::make_unique<Impl>()) {}
RequestParser::~RequestParser() = default;
RequestParser::State RequestParser::state() const { return impl_->state; }
const ParseFailure& RequestParser::failure() const { return impl_->failure; }
bool RequestParser::keep_alive() const { return impl_->parser.get().keep_alive(); }
bool RequestParser::http10() const { return impl_->parser.get().version() < 11; }

bool RequestParser::take_expects_continue() { return std::exchange(impl_->expects_continue, false); }

std::size_t RequestParser::feed(std::string_view bytes) {
  beast::error_code error;
  const auto used = impl_->parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  if (error == http::error::need_more) return used;
  const bool head = impl_->state == State::head;
  if (error) {
    impl_->fail(explain(error));
  } else if (head && impl_->parser.is_header_done()) {
    impl_->head_done();
  } else if (impl_->parser.is_done()) {
    impl_->state = State::complete;
  }
  return used;
}

Request RequestParser::take() {
  auto& message = impl_->parser.get();
  Request request;
  request.method = view(message.method_string());
  const auto target = origin_form(view(message.target()));
  const auto question = target.find('?');
  request.path = target.substr(0, question);
  if (question != std::string_view::npos) request.query = target.substr(question + 1);
  request.headers = std::move(impl_->headers);
  request.body = std::move(message.body());
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

}  // namespace keelson::api
