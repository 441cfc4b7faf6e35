#include "core/store/aes_gcm.hpp"

#include <openssl/evp.h>

#include <cstring>
#include <memory>
#include <stdexcept>

namespace keelson::store {
namespace {

constexpr std::size_t kNonceBytes = 12, kTagBytes = 16;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using ContextPtr = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const EVP_CIPHER* cipher_of(std::string_view key) { return key.size() == 16 ? EVP_aes_128_gcm() : key.size() == 24 ? EVP_aes_192_gcm() : EVP_aes_256_gcm(); }

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes_of(std::string& text, std::size_t at) { return reinterpret_cast<unsigned char*>(text.data()) + at; }

std::string random_nonce(base::Runtime& runtime) {
  const std::uint64_t words[2] = {runtime.random_u64(), runtime.random_u64()};
  std::string nonce(kNonceBytes, '\0');
  std::memcpy(nonce.data(), words, kNonceBytes);
  return nonce;
}

}  // namespace

std::string aes_gcm_seal(std::string_view key, std::string_view associated, std::string_view plain, base::Runtime& runtime) {
  std::string out = random_nonce(runtime);
  out.resize(kNonceBytes + plain.size() + kTagBytes);
  const ContextPtr context(EVP_CIPHER_CTX_new());
  int length = 0;
  const bool good = context && EVP_EncryptInit_ex(context.get(), cipher_of(key), nullptr, bytes_of(key), bytes_of(out, 0)) == 1 &&
                    EVP_EncryptUpdate(context.get(), nullptr, &length, bytes_of(associated), static_cast<int>(associated.size())) == 1 &&
                    EVP_EncryptUpdate(context.get(), bytes_of(out, kNonceBytes), &length, bytes_of(plain), static_cast<int>(plain.size())) == 1 &&
                    EVP_EncryptFinal_ex(context.get(), bytes_of(out, kNonceBytes + plain.size()), &length) == 1 &&
                    EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, bytes_of(out, kNonceBytes + plain.size())) == 1;
  if (!good) throw std::runtime_error("AES-GCM does not work on this machine");
  return out;
}

std::optional<std::string> aes_gcm_open(std::string_view key, std::string_view associated, std::string_view sealed) {
  if (sealed.size() < kNonceBytes + kTagBytes) return std::nullopt;
  const auto text = sealed.substr(kNonceBytes, sealed.size() - kNonceBytes - kTagBytes);
  std::string tag(sealed.substr(sealed.size() - kTagBytes)), out(text.size(), '\0');
  const ContextPtr context(EVP_CIPHER_CTX_new());
  int length = 0;
  const bool good = context && EVP_DecryptInit_ex(context.get(), cipher_of(key), nullptr, bytes_of(key), bytes_of(sealed)) == 1 &&
                    EVP_DecryptUpdate(context.get(), nullptr, &length, bytes_of(associated), static_cast<int>(associated.size())) == 1 &&
                    EVP_DecryptUpdate(context.get(), bytes_of(out, 0), &length, bytes_of(text), static_cast<int>(text.size())) == 1 &&
                    EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
                    EVP_DecryptFinal_ex(context.get(), bytes_of(out, out.size()), &length) == 1;
  if (!good) return std::nullopt;
  return out;
}

}  // namespace keelson::store
