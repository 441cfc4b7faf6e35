// Informers: keep a Mirror up to date for the resources that somebody asked for: list once, then watch, resumed where it
// ended; a new list when the server has forgotten that point; growing pauses while the server does not answer.
//
// Invariants: a resource that is covered stays covered. Threads: cover() any; the rest on the client's thread.
// Ownership: client and mirror outlive it; end() before the client stops.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <unordered_set>

#include "core/kinds/catalog.hpp"
#include "core/remote/client.hpp"
#include "core/remote/mirror.hpp"

namespace keelson::remote {

inline constexpr int kListPage = 500;
/// The server ends a watch after this; then it is resumed.
inline constexpr std::int64_t kWatchSeconds = 300;
inline constexpr std::int64_t kPauseFirst_ms = 200;
inline constexpr std::int64_t kPauseMax_ms = 30'000;

class Informers {
 public:
  Informers(Client& client, Mirror& mirror, base::Runtime& runtime) : client_(client), mirror_(mirror), runtime_(runtime) {}
  /// `done` runs once: when the mirror shows the resource, or with why it does not (tries go on).
  void cover(const kinds::KindRef& kind, std::function<void(base::Outcome<void>)> done);
  bool covered(store::Atom resource) const;
  void end();

 private:
  struct Informer {
    kinds::KindRef kind;
    std::vector<std::function<void(base::Outcome<void>)>> waiting;
    bool covered = false;
    std::vector<store::ObjectRef> listed;
    store::Revision listed_upto = 0;
    std::string resource_version;             // where the watch goes on
    std::int64_t pause_ms = kPauseFirst_ms;
    base::Monotonic began = 0;                // of the watch
    bool expired = false;                     // the watch ended with 410
  };
  void list(Informer& informer, const std::string& page_token);
  void take_page(Informer& informer, base::Outcome<std::string> body);
  void watch(Informer& informer);
  bool take_event(Informer& informer, std::string_view line);
  void watch_ended(Informer& informer, base::Outcome<std::string> how);
  void answer(Informer& informer, const base::Outcome<void>& how);
  void fail(Informer& informer, const base::Error& error);
  /// After the informer's pause, which grows.
  void later(Informer& informer, void (Informers::*step)(Informer&));
  void list_again(Informer& informer) { list(informer, {}); }

  Client& client_;
  Mirror& mirror_;
  base::Runtime& runtime_;
  /// What timers ask before they touch anything.
  struct Door {
    std::mutex mutex;
    bool open = true;
  };
  const std::shared_ptr<Door> door_ = std::make_shared<Door>();   // shared: timers outlive us
  std::map<store::Atom, Informer> informers_;   // the client's thread
  std::atomic<bool> ended_{false};
  mutable std::mutex mutex_;                    // guards what follows
  std::unordered_set<store::Atom> covered_;
};

/// "/apis/apps/v1/namespaces/default/deployments/web/status"; parts that are empty are left out.
std::string path_of(const kinds::Kind& kind, const std::string& ns, const std::string& name, const std::string& subresource);
std::string escaped(std::string_view text);

}  // namespace keelson::remote
