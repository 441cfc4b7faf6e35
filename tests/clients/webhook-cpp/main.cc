// An admission webhook for tests, which does what its URL says: see README.md.
#include <boost/json.hpp>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "tests/unit/webhook/https_server.hpp"

namespace {

namespace json = boost::json;
using keelson::test::HttpsReply;
using keelson::test::HttpsRequest;

constexpr auto kSlow = std::chrono::seconds(5);
/// Beyond what the server reads of an answer.
constexpr std::size_t kHugeBytes = 17u << 20;

std::vector<std::string> split(std::string_view text, char by) {
  std::vector<std::string> out;
  for (std::size_t from = 0; from <= text.size();) {
    const auto to = std::min(text.find(by, from), text.size());
    out.emplace_back(text.substr(from, to - from));
    from = to + 1;
  }
  return out;
}

/// Names of members, and places in lists.
const json::value* at(const json::value& from, const std::string& where) {
  const auto* found = &from;
  for (const auto& step : split(where, '.')) {
    if (const auto* list = found->if_array()) {
      std::size_t place = 0;
      std::from_chars(step.data(), step.data() + step.size(), place);
      found = place < list->size() ? &(*list)[place] : nullptr;
    } else {
      found = found->is_object() ? found->get_object().if_contains(step) : nullptr;
    }
    if (!found) return nullptr;
  }
  return found;
}

HttpsReply reply(const json::value& request, json::object response) {
  response.emplace("uid", *at(request, "uid"));
  return {.body = json::serialize(json::object{{"apiVersion", "admission.k8s.io/v1"}, {"kind", "AdmissionReview"}, {"response", std::move(response)}})};
}

std::string from_base64url(std::string text) {
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  text.resize((text.size() + 3) / 4 * 4, '=');
  return text;
}

HttpsReply behave(const std::string& how, const json::value& request) {
  if (how == "refuse") return reply(request, {{"allowed", false}, {"status", {{"code", 403}, {"message", "not today"}}}});
  if (how == "warn") return reply(request, {{"allowed", true}, {"warnings", json::array{"you were warned"}}});
  if (how == "lie") return reply(request, {{"allowed", true}, {"uid", "somebody-else"}});
  if (how == "hang") return {.hang = true};
  if (how == "crash") return {.crash = true};
  if (how == "garbage") return {.body = "this is no review"};
  if (how == "huge") return {.body = std::string(kHugeBytes, ' ')};
  if (how == "failure") return {.status = 500, .body = "secret-of-the-backend"};
  if (how == "redirect") return {.raw = "HTTP/1.1 302 Found\r\nLocation: /refuse\r\nContent-Length: 22\r\n\r\nsecret-of-the-backend\n"};
  if (how == "slow") std::this_thread::sleep_for(kSlow);
  if (how.starts_with("patch:")) return reply(request, {{"allowed", true}, {"patchType", "JSONPatch"}, {"patch", from_base64url(how.substr(6))}});
  return reply(request, {{"allowed", true}});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::cerr << "usage: webhook_server FOLDER\n", 2;
  const std::filesystem::path folder(argv[1]);
  std::ofstream seen(folder / "seen");
  std::mutex mutex;
  keelson::test::HttpsServer server([&](const HttpsRequest& asked) {
    const auto review = json::parse(asked.body);
    const auto& request = review.at("request");
    {
      const std::lock_guard lock(mutex);
      seen << json::serialize(request) << std::endl;
    }
    const auto path = split(asked.target.substr(1, asked.target.find('?') - 1), '/');
    if (path.size() < 3) return behave(path[0], request);
    const auto* value = at(request, path[1]);
    return behave(value && value->is_string() && value->get_string() == path[2] ? path[0] : "allow", request);
  });
  std::ofstream(folder / "ca.crt") << server.ca.certificate_pem;
  std::ofstream(folder / "port.new") << server.port;
  std::filesystem::rename(folder / "port.new", folder / "port");
  std::cin.get();   // until whoever started it closes the pipe
  return 0;
}
