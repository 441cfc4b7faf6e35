#include "core/main/token_keys.hpp"

#include <filesystem>

#include "core/auth/jwt.hpp"
#include "core/auth/token_rotation.hpp"
#include "core/main/identity.hpp"

namespace keelson::server {
namespace {

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

/// PEM blocks one behind the other.
std::vector<std::string> split(const std::string& text) {
  static constexpr std::string_view begin = "-----BEGIN", end = "-----END", close = "-----\n";
  std::vector<std::string> blocks;
  for (auto at = text.find(begin); at != std::string::npos; at = text.find(begin, at + 1)) {
    const auto last = text.find(end, at);
    const auto over = last == std::string::npos ? last : text.find(close, last + end.size());
    if (over == std::string::npos) break;
    blocks.push_back(text.substr(at, over + close.size() - at));
  }
  return blocks;
}

}  // namespace

base::Outcome<TokenKeys> load_token_keys(const std::string& folder) {
  const auto path = folder + "/service-account.key", ring = folder + "/service-account.keys";
  if (!exists(path))
    if (auto saved = write_private_file(path, auth::make_ec_key_pem()); !saved) return saved.error();
  auto signing = read_file(path);
  if (!signing) return signing.error();
  if (!auth::make_jwt_key(*signing)) return base::internal(path + " is no P-256 private key");
  if (!signing->ends_with('\n')) *signing += '\n';
  TokenKeys keys{std::move(*signing), {}};
  if (exists(ring)) {
    const auto known = read_file(ring);
    if (!known) return known.error();
    for (auto& key : split(*known))
      if (key != keys.signing && auth::make_jwt_key(key) && keys.older.size() + 1 < auth::kTokenKeysMax) keys.older.push_back(std::move(key));
  }
  std::string all = keys.signing;
  for (const auto& key : keys.older) all += key;
  if (auto saved = write_private_file(ring, all); !saved) return saved.error();
  return keys;
}

}  // namespace keelson::server
