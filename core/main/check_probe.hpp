// Probe: what the checks ask of files and of the running server, as the admin, as nobody, and by bare sockets.
//
// Threads: one; requests wait for their answer. Ownership: of its clients. Errors: an answer of status 0.
#pragma once
#include <boost/json/value.hpp>
#include <memory>
#include <string>
#include <vector>

#include "core/main/settings.hpp"
#include "core/remote/client.hpp"

namespace keelson::server {

class Probe {
 public:
  static base::Outcome<std::unique_ptr<Probe>> make(Settings settings);
  ~Probe();

  const Settings& settings() const { return settings_; }
  int as_admin(const std::string& method, const std::string& target, const std::string& body = {});   ///< the status
  int as_nobody(const std::string& target);
  /// Empty object: not answered 200.
  boost::json::value read(const std::string& target);
  std::string text(const std::string& target);
  /// A metric without labels, whole; 0: there is none.
  long metric(const std::string& name);
  /// By SubjectAccessReview; `group` and `resource` of the API.
  bool may(const std::string& user, const std::vector<std::string>& groups, const std::string& verb, const std::string& group, const std::string& resource, const std::string& ns);
  /// Whether the server agrees to TLS of at most `version` with only these ciphers (empty: its own).
  bool tls(int version, const char* ciphers);
  /// Whether it answers HTTP without TLS, and whether anything listens on a port of this machine.
  bool plain_http();
  bool listens(int port);

 private:
  Probe(Settings settings, remote::Connection where, std::unique_ptr<base::Runtime> runtime) : settings_(std::move(settings)), where_(std::move(where)), runtime_(std::move(runtime)) {}
  remote::Answer ask(remote::Client& client, remote::Request request);
  int connected(int port) const;

  Settings settings_;
  remote::Connection where_;
  std::unique_ptr<base::Runtime> runtime_;
  std::unique_ptr<remote::Client> admin_, nobody_;
};

// --- files ---
/// What is wrong with a file or folder that only its owner may use: empty when it is well or not there.
std::string not_private(const std::string& path);
/// ... that others may read, but not write.
std::string writable_by_others(const std::string& path);
std::vector<std::string> files_below(const std::string& folder, const std::string& ending);
bool holds(const std::string& folder, const std::string& text);

}  // namespace keelson::server
