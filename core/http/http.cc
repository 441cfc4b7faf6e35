#include "core/http/http.hpp"

#include <algorithm>

namespace keelson::http {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

class SharedPayload final : public Payload {
 public:
  explicit SharedPayload(std::shared_ptr<const std::string> text) : text_(std::move(text)) {}
  Pull pull(std::vector<std::string_view>& out, std::size_t bytes_max) override {
    const auto piece = std::string_view(*text_).substr(at_, bytes_max);
    at_ += piece.size();
    if (!piece.empty()) out.push_back(piece);
    return at_ == text_->size() ? Pull::end : Pull::more;
  }
  std::optional<std::uint64_t> length() const override { return text_->size(); }

 private:
  std::shared_ptr<const std::string> text_;
  std::size_t at_ = 0;
};

/// What was read ahead, then the rest.
class ResumedPayload final : public Payload {
 public:
  ResumedPayload(std::string ahead, std::unique_ptr<Payload> rest) : ahead_(std::move(ahead)), rest_(std::move(rest)) {}
  Pull pull(std::vector<std::string_view>& out, std::size_t bytes_max) override {
    if (std::exchange(begun_, true)) return rest_->pull(out, bytes_max);
    out.push_back(ahead_);
    return Pull::more;
  }

 private:
  std::string ahead_;
  std::unique_ptr<Payload> rest_;
  bool begun_ = false;
};

}  // namespace

bool at_least(std::unique_ptr<Payload>& payload, std::size_t bytes) {
  if (const auto length = payload->length()) return *length >= bytes;
  std::string ahead;
  std::vector<std::string_view> pieces;
  auto state = Payload::Pull::more;
  while (state == Payload::Pull::more && ahead.size() < bytes) {
    pieces.clear();
    state = payload->pull(pieces, bytes - ahead.size());
    for (const auto piece : pieces) ahead += piece;
  }
  if (state == Payload::Pull::end) payload = text_payload(std::move(ahead));
  else payload = std::make_unique<ResumedPayload>(std::move(ahead), std::move(payload));
  const auto length = payload->length();
  return !length || *length >= bytes;
}

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (same_text(key, name)) return value;
  return {};
}

std::string Request::joined(std::string_view name) const {
  std::string all;
  for (const auto& [key, value] : headers) {
    if (!same_text(key, name)) continue;
    if (!all.empty()) all += ", ";
    all += value;
  }
  return all;
}

std::unique_ptr<Payload> text_payload(std::string text) {
  return shared_payload(std::make_shared<const std::string>(std::move(text)));
}

std::unique_ptr<Payload> shared_payload(std::shared_ptr<const std::string> text) {
  return std::make_unique<SharedPayload>(std::move(text));
}

bool same_text(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

bool lists_token(std::string_view value, std::string_view token) {
  while (!value.empty()) {
    const auto comma = value.find(',');
    auto item = value.substr(0, comma);
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
    if (same_text(item, token)) return true;
    value = comma == std::string_view::npos ? std::string_view{} : value.substr(comma + 1);
  }
  return false;
}

std::string_view phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 413: return "Request Entity Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Entity";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Status";
  }
}

}  // namespace keelson::http
