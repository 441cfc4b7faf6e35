// Files and records that somebody else may have written: credentials, configuration, logs, records of the store, plugins' files.
#include <sys/mman.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "core/audit/policy.hpp"
#include "core/auth/auth.hpp"
#include "core/auth/jwk.hpp"
#include "core/auth/jwt.hpp"
#include "core/plugins/elf.hpp"
#include "core/remote/kubeconfig.hpp"
#include "core/store/difference.hpp"
#include "core/store/encryption.hpp"
#include "core/store/record.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/kinds.hpp"

namespace {

using namespace keelson;
using namespace keelson::fuzz;

/// The bytes as a file that is gone with the value.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    must(fd_ >= 0 && ::write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "no file in memory");
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

/// Names of devices and the like: reading those is what their owner asked for.
bool names_a_file(std::string_view bytes) {
  return bytes.find("/dev") != std::string_view::npos || bytes.find("/proc") != std::string_view::npos || bytes.find("..") != std::string_view::npos ||
         bytes.find("fd/") != std::string_view::npos || bytes.find("/sys") != std::string_view::npos;
}

base::Runtime& runtime() {
  static const auto real = base::real_runtime();
  return *real;
}

}  // namespace

KEELSON_FUZZ(jwt, bytes) {
  static const auto key = auth::make_jwt_key(auth::make_ec_key_pem());
  if (const auto parts = auth::split_jwt(bytes)) must(!key->verify(*parts), "a token of another is believed");
  if (const auto decoded = auth::base64url_decoded(bytes)) must(auth::base64url_decoded(auth::base64url(*decoded)) == decoded, "base64url changes");
}

KEELSON_FUZZ(jwk, bytes) {
  boost::system::error_code fault;
  const auto value = boost::json::parse(bytes, fault);
  if (fault) return;
  if (const auto key = auth::public_key_of(value))
    for (const auto* algorithm : {"RS256", "PS384", "ES256", "ES512", "none", ""}) must(!key->verify(algorithm, "text", bytes), "a signature of nobody is believed");
}

KEELSON_FUZZ(pem, bytes) {
  (void)auth::certificate_expiry(bytes);
  (void)auth::make_jwt_key(bytes);
  static const auto key = auth::make_ec_key_pem();
  auth::LeafRequest request;
  request.common_name = "system:node:a";
  (void)auth::issue_certificate({std::string(bytes), key}, request, 1'800'000'000);
  (void)auth::issue_certificate({std::string(bytes), std::string(bytes)}, request, 1'800'000'000);
}

KEELSON_FUZZ(kubeconfig, bytes) {
  if (names_a_file(bytes)) return;
  const MemoryFile file(bytes);
  const auto read = remote::read_kubeconfig(file.path(), "");
  if (read) must(!read->host.empty() && !read->port.empty(), "a server without a name");
}

KEELSON_FUZZ(audit_policy, bytes) { (void)audit::parse_policy(bytes, "file"); }

KEELSON_FUZZ(encryption, bytes) {
  if (const auto read = store::parse_encryption(bytes, "file", runtime()); read && *read)
    if (const auto transform = (*read)->transform_of(base::Atom("secrets"))) {
      const auto sealed = transform->seal("place", "plain");
      const auto opened = transform->open("place", sealed.key_id, sealed.bytes);
      must(opened && *opened == "plain", "what was sealed cannot be opened");
    }
}

KEELSON_FUZZ(record, bytes) {
  const store::Key key{base::Atom("pods"), "ns", "name"};
  (void)store::decode_log(bytes);
  (void)store::sealed_by(bytes);
  if (const auto place = store::parse_version_key(bytes)) {
    const store::Key again{base::Atom(place->resource), std::string(place->ns), std::string(place->name)};
    must_equal(store::version_key(again, place->revision), bytes, "a key changes");
  }
  const auto object = store::decode_version(key, 7, bytes, 1, "place", nullptr, nullptr);
  if (!object) return;
  std::string first, second;
  store::encode_version(**object, 1, "place", nullptr, first);
  const auto again = store::decode_version(key, 7, first, 1, "place", nullptr, nullptr);
  must(again.has_value(), "a record cannot be read again");
  store::encode_version(**again, 1, "place", nullptr, second);
  must(first == second, "a record changes");
}

KEELSON_FUZZ(difference, bytes) {
  const auto [base, other] = fuzz::two(bytes);
  std::string difference, text;
  if (store::append_difference(base, other, 2 * other.size() + 64, difference)) must(store::apply_difference(base, difference, text) && text == other, "a text does not come back from its difference");
  // The same damaged; then the bytes as one, and as the record of a version.
  if (!difference.empty()) difference[other.size() % difference.size()] ^= 1;
  for (const std::string_view read : {std::string_view(difference), other}) {
    text.clear();
    (void)store::apply_difference(base, read, text);
  }
  const store::Key key{base::Atom("pods"), "ns", "name"};
  store::RecordChain chain(7);
  chain.add(other);
  if (chain.wanted() != 0) chain.add(base);
  (void)chain.whole(key);
}

KEELSON_FUZZ(elf, bytes) {
  (void)plugins::read_elf(bytes);
  (void)plugins::exported_symbols(bytes);
}
