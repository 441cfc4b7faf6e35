// Signatures as minisign makes them: Ed25519 over the file (legacy) or over its BLAKE2b-512 (what it does today).
#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "core/plugins/trust.hpp"

namespace keelson::plugins {
namespace {

constexpr std::size_t kAlgorithmBytes = 2, kIdBytes = 8, kKeyBytes = 32, kSignatureBytes = 64;
constexpr std::string_view kTrustedComment = "trusted comment: ";

/// Empty: it is no base64 of that many bytes.
std::string from_base64(std::string_view text, std::size_t bytes) {
  std::string out(text.size() / 4 * 3, '\0');
  if (text.empty() || text.size() % 4 != 0) return {};
  const int got = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  const auto padding = static_cast<std::size_t>(std::count(text.end() - 2, text.end(), '='));
  if (got < 0 || static_cast<std::size_t>(got) - padding != bytes) return {};
  out.resize(bytes);
  return out;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
  }
  return lines;
}

struct Signature {
  bool prehashed = false;
  std::string id, bytes, comment, comment_signature;
};

std::optional<Signature> parse_signature(const std::string& text) {
  const auto lines = lines_of(text);
  if (lines.size() < 4 || !lines[2].starts_with(kTrustedComment)) return std::nullopt;
  const auto body = from_base64(lines[1], kAlgorithmBytes + kIdBytes + kSignatureBytes);
  Signature s;
  s.comment_signature = from_base64(lines[3], kSignatureBytes);
  if (s.comment_signature.empty() || (!body.starts_with("Ed") && !body.starts_with("ED"))) return std::nullopt;
  s.prehashed = body[1] == 'D';
  s.id = body.substr(kAlgorithmBytes, kIdBytes);
  s.bytes = body.substr(kAlgorithmBytes + kIdBytes);
  s.comment = lines[2].substr(kTrustedComment.size());
  return s;
}

const unsigned char* raw(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }

bool verifies(const std::string& key, const std::string& message, const std::string& signature) {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> public_key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(key), key.size()), EVP_PKEY_free);
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!public_key || !context || EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, public_key.get()) != 1) return false;
  return EVP_DigestVerify(context.get(), raw(signature), signature.size(), raw(message), message.size()) == 1;
}

std::string digest_of(const std::string& content, const EVP_MD* algorithm) {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned length = 0;
  EVP_Digest(content.data(), content.size(), reinterpret_cast<unsigned char*>(digest.data()), &length, algorithm, nullptr);
  digest.resize(length);
  return digest;
}

std::string hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

// minisign shows a key's number with its last byte first.
std::string shown_id(std::string id) {
  std::reverse(id.begin(), id.end());
  auto text = hex(id);
  for (auto& c : text) c = static_cast<char>(c >= 'a' ? c - 'a' + 'A' : c);
  return text;
}

Refusal refused(const std::string& name, const std::string& why) { return {"BadSignature", name + ": " + why}; }

}  // namespace

std::string sha256_hex(const std::string& content) { return hex(digest_of(content, EVP_sha256())); }

std::optional<TrustedKey> parse_trusted_key(const std::string& text) {
  for (const auto line : lines_of(text)) {
    const auto bytes = from_base64(line, kAlgorithmBytes + kIdBytes + kKeyBytes);
    if (bytes.starts_with("Ed")) return TrustedKey{bytes.substr(kAlgorithmBytes, kIdBytes), bytes.substr(kAlgorithmBytes + kIdBytes)};
  }
  return std::nullopt;
}

std::optional<Refusal> bad_signature(const std::string& name, const std::string& content, const std::optional<std::string>& signature,
                                     const std::vector<TrustedKey>& keys) {
  if (!signature) return refused(name, "it is not signed: there is no " + name + ".minisig");
  const auto parsed = parse_signature(*signature);
  if (!parsed) return refused(name, name + ".minisig is no signature as minisign makes them");
  const auto key = std::find_if(keys.begin(), keys.end(), [&](const TrustedKey& k) { return k.id == parsed->id; });
  if (key == keys.end()) return refused(name, "it is signed with key " + shown_id(parsed->id) + ", which is not trusted here");
  const auto message = parsed->prehashed ? digest_of(content, EVP_blake2b512()) : content;
  if (!verifies(key->key, message, parsed->bytes)) return refused(name, "its content is not what key " + shown_id(parsed->id) + " signed");
  if (!verifies(key->key, parsed->bytes + parsed->comment, parsed->comment_signature)) return refused(name, "its signature's comment was changed");
  return std::nullopt;
}

}  // namespace keelson::plugins
