#include "core/auth/revoked_certificates.hpp"

#include <algorithm>
#include <atomic>
#include <set>

#include "core/auth/json_access.hpp"
#include "core/base/json_value.hpp"
#include "core/base/log.hpp"
#include "core/store/unreadable.hpp"

namespace keelson::auth {
namespace {

/// One way to write a number: capitals, no zeros in front.
std::string plain(std::string_view serial) {
  serial.remove_prefix(std::min(serial.find_first_not_of('0'), serial.size()));
  std::string out(serial);
  for (auto& digit : out)
    if (digit >= 'a' && digit <= 'f') digit = static_cast<char>(digit - 'a' + 'A');
  return out;
}

class RevokedCertificates final : public Authenticator {
 public:
  explicit RevokedCertificates(const store::Store& store) : store_(store) {}

  base::Outcome<std::optional<Identity>> authenticate(const Credentials& credentials) override {
    if (credentials.certificate && revoked(credentials.certificate->serial)) return base::unauthorized();
    return std::optional<Identity>();
  }

 private:
  struct Known {
    store::Revision revision = 0;
    std::set<std::string> serials;
  };

  bool revoked(const std::string& serial) {
    const auto stored = store_.snapshot().get(key_);
    if (!stored) return false;
    auto known = std::atomic_load(&known_);
    if (known->revision != stored->revision()) known = read(*stored, *known);
    return known->serials.contains(plain(serial));
  }

  std::shared_ptr<const Known> read(const store::Object& stored, const Known& before) {
    auto now = std::make_shared<Known>(before);
    now->revision = stored.revision();
    boost::system::error_code broken;
    const auto map = base::json_of(stored.body(), broken);
    if (broken || store::is_unreadable(stored)) {
      base::log_error("auth", "the list of revoked certificates cannot be read, the last one counts", {});
    } else {
      now->serials.clear();
      if (const auto* data = find(map, {"data"}); data && data->is_object())
        for (const auto& entry : data->get_object()) now->serials.insert(plain(entry.key()));
    }
    std::atomic_store(&known_, std::shared_ptr<const Known>(now));
    return now;
  }

  const store::Store& store_;
  const store::Key key_{store::Atom("configmaps"), "kube-system", "revoked-certificates"};
  std::shared_ptr<const Known> known_ = std::make_shared<const Known>();   // swapped atomically
};

}  // namespace

std::shared_ptr<Authenticator> revoked_certificates(const store::Store& store) { return std::make_shared<RevokedCertificates>(store); }

}  // namespace keelson::auth
