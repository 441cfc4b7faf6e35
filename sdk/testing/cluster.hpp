// Cluster: a whole server in a test: the real store (in memory), verbs, plugin host and plugins on a simulated clock, no
// sockets, no sleeping. A failure is repeated by its seed.
//
//   keelson::testing::Cluster k({.seed = 7});
//   k.load("website");
//   k.apply_yaml("site.yaml");
//   k.settle();
//   k.edit<keelson::Deployment>("web", [](auto& d) { d.status.readyReplicas = 1; });
//   k.settle();
//   CHECK(k.get<Website>("web").status.phase == "Ready");
//
// Invariants: nothing runs outside of the calls below. settle() runs until nothing can go on without time passing;
//   advance() lets time pass. Both are bounded by a number of steps and throw beyond it (with the seed).
// Threads: one. Errors: what is refused throws Failure with the server's message.
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <keelson/context.hpp>
#include <keelson/object.hpp>
#include <keelson/result.hpp>

#include "faults.hpp"

namespace keelson::testing {

struct Options {
  std::uint64_t seed = 1;
  /// Where load("name") looks for name.so; "": $KEELSON_PLUGIN_DIR.
  std::string plugin_directory = {};
  /// Configuration of every plugin (nodeName ...).
  std::map<std::string, std::string> config = {};
  /// Of the plugin host: declared kinds and copies; "": a private one for the test's length.
  std::string data_directory = {};
  /// Watched by the host from the start; loads what is in it. Real files, so found by load() of any name, too.
  std::vector<std::string> plugin_directories = {};
};

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What is known of a loaded or refused plugin.
struct PluginState {
  std::string name, state, reason, message, version;
  std::int64_t queue = 0, reconciles = 0, errors = 0, restarts = 0;
};

/// What became of a request to a subresource that a plugin serves.
struct Served {
  int code = 0;                 ///< 0: nothing so far
  std::string content_type, body;
  std::string forwarded;        ///< host:port/path that the connection was handed to
  std::string reason;           ///< of the Status, when it was refused; its message is the body
  bool finished = false;
};

/// Names an object in untyped calls: `kind` as in YAML, apiVersion only when the kind alone is not unique.
struct Name {
  std::string kind, name, ns = "default", api_version = {};
};

class Cluster {
 public:
  explicit Cluster(Options options = {});
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // --- plugins ---
  /// A name (looked up in the plugin directory) or a path. Throws when it is refused.
  void load(const std::string& plugin);
  /// The same, but answers what became of it.
  PluginState try_load(const std::string& plugin);
  void unload(const std::string& plugin);
  std::optional<PluginState> plugin(const std::string& name) const;

  /// Who the calls below are from now on; before the first: system:admin, who may do everything.
  void act_as(const std::string& user, const std::vector<std::string>& groups = {"system:authenticated"});
  void act_as_admin();
  /// Whether that user may. `subresource` and name may be empty.
  bool may(const std::string& verb, const Name& name, const std::string& subresource = "");

  // --- objects ---
  /// A file's name or the YAML itself; several documents. Server-side apply, then the status of each, if it has one.
  void apply_yaml(const std::string& file_or_text);
  /// JSON of an object, nullopt when it is not there.
  std::optional<std::string> find_json(const Name& name);
  /// JSON of all objects of a kind; `ns` empty: all namespaces.
  std::vector<std::string> list_json(const std::string& kind, const std::string& ns, const std::string& labels = "", const std::string& fields = "");
  /// A merge patch; `subresource` empty: the object itself.
  void patch_json(const Name& name, const std::string& merge_patch, const std::string& subresource = "");
  /// `options` as of a DELETE body.
  void remove(const Name& name, const std::string& propagation = "", std::optional<std::int64_t> grace_period_s = {});

  /// A request to `subresource` that a plugin serves as a stream; the client goes away once it has `bytes_max` bytes. Ends when
  /// the stream has, at the latest after `limit`. A subresource that nobody serves throws.
  Served stream(const Name& name, const std::string& subresource, const std::string& query = "", std::size_t bytes_max = std::size_t(-1),
                std::chrono::nanoseconds limit = std::chrono::minutes(1), const std::string& method = "GET");

  template <class T> std::optional<T> find(const std::string& name, const std::string& ns = "default") {
    const auto json = find_json(name_of<T>(name, ns));
    return json ? std::optional<T>(decode<T>(*json)) : std::nullopt;
  }
  template <class T> T get(const std::string& name, const std::string& ns = "default") {
    auto found = find<T>(name, ns);
    if (!found) throw Failure("there is no " + std::string(T::gvk.kind) + " " + ns + "/" + name);
    return std::move(*found);
  }
  template <class T> std::vector<T> list(const std::string& labels = "", const std::string& ns = "") {
    std::vector<T> all;
    for (const auto& json : list_json(std::string(T::gvk.kind), ns, labels)) all.push_back(decode<T>(json));
    return all;
  }
  /// Reads, lets `change` edit, writes what differs: the object and, if it has one, its status.
  template <class T> void edit(const std::string& name, const std::function<void(T&)>& change, const std::string& ns = "default") {
    const T before = get<T>(name, ns);
    T after = before;
    change(after);
    write_difference(name_of<T>(name, ns), encode(before), encode(after));
  }

  /// A subresource that a plugin serves: the whole answer's body. A refusal is a Failure.
  std::string request(const std::string& method, const Name& name, const std::string& subresource, const std::string& query = "");

  /// A path that a plugin serves (/plugins/...): what it answers. One that nobody serves throws.
  Served fetch(const std::string& path, const std::string& method = "GET", const std::string& body = "");

  // --- faults ---
  /// From now on, until others are injected. What the test itself writes is hit as well.
  void inject(const Faults& faults);
  /// Every plugin loses the stream of changes once, as one that was too slow for it; it reads again what is there.
  void drop_watches();
  /// The server ends as by SIGKILL and starts again with the same plugins: what was answered is there, of what was under way only
  /// what had reached the store.
  void crash();

  // --- time ---
  void settle();
  void advance(std::chrono::nanoseconds duration);
  /// Lets time pass in steps until `holds`, at most `limit`. False: it never did.
  bool wait_until(const std::function<bool()>& holds, std::chrono::nanoseconds limit = std::chrono::minutes(5), std::chrono::nanoseconds step = std::chrono::milliseconds(100));
  std::uint64_t seed() const;
  /// The newest revision.
  std::uint64_t revision() const;
  /// Prometheus text.
  std::string metrics() const;
  /// Of the last write: what the client is warned of.
  const std::vector<std::string>& warnings() const;

 private:
  template <class T> static Name name_of(const std::string& name, const std::string& ns) {
    const std::string group(T::gvk.group), version(T::gvk.version);
    return {std::string(T::gvk.kind), name, ns, group.empty() ? version : group + "/" + version};
  }
  void write_difference(const Name& name, const std::string& before, const std::string& after);
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace keelson::testing
