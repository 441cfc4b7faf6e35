// Routes: what the API layer asks the plugins' host. A plugin serves subresources of any kind (pods/log, pods/exec ...), whole
// resources of its own that are stored nowhere, and paths below /plugins/NAME/. The API layer finds the handler here, has authorized
// the request already, and hands over the client's connection as a RouteStream.
//
// Invariants: for one request exactly one of respond(), fail() and forward() takes effect, the first that is called;
//   later ones are ignored. A stream that is dropped without any of them is answered 500. finish() is implied when the
//   last reference to the stream goes.
//   What a plugin served stays known while its file is there: without the plugin it is answered 503.
// Threads: RouteTable::find and RouteHandler::handle on a network thread; handle() must return at once (it moves to a
//   worker thread of the plugin). RouteStream: any one thread at a time; write() may wait, so never on a network thread;
//   closed() from any thread.
// Ownership: handler and stream are shared: a stream may outlive its handler's registration, a handler its plugin's
//   withdrawal (it then fails its requests with 503).
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/auth/auth.hpp"
#include "core/base/atom.hpp"
#include "core/base/error.hpp"
#include "core/kinds/kind.hpp"
#include "core/store/object.hpp"

namespace keelson::plugins {

/// A stream's write() waits while this many bytes are not yet sent.
inline constexpr std::size_t kRouteBacklogBytesMax = 256u << 10;

struct RouteRequest {
  std::string method;                                          ///< GET, POST ...
  std::string path;                                            ///< as the client sent it, without the query
  std::string query;                                           ///< raw, without '?'
  std::vector<std::pair<std::string, std::string>> headers;    ///< without Authorization and Cookie
  kinds::KindRef kind;                                         ///< the parent's kind (Pod); null: of a path
  std::string subresource, ns, name;
  auth::Identity user;
  bool upgrade = false;                                        ///< Connection: Upgrade with an accepted protocol
  std::string verb;                                            ///< get, list, watch, create ...; of a path the lower-case method
  std::string body;                                            ///< UTF-8
};

/// Below it, under its name, a plugin serves paths.
inline constexpr std::string_view kPluginPaths = "/plugins/";

/// One thing that a plugin serves, running or not.
struct ServedRoute {
  base::Atom resource;                                         ///< storage key of the kind; of a path empty
  std::string subresource;                                     ///< "": the resource itself
  std::string path;                                            ///< whole; with '/' at its end also what is below
};

class RouteStream {
 public:
  virtual ~RouteStream() = default;
  /// Starts a chunked answer.
  virtual void respond(int code, std::string_view content_type) = 0;
  /// Waits while the client is slow (kRouteBacklogBytesMax). False: the client is gone. Before respond(): 200 text/plain.
  virtual bool write(std::string_view bytes) = 0;
  /// Answers a Status. After respond(): the connection is cut, so that the client does not take it for complete.
  virtual void fail(const base::Error& error) = 0;
  /// Hands the connection to http://host_port/path_and_query: the client's request head is sent there with the upgrade
  /// headers kept, then bytes go both ways until either side closes, half-close preserved. An answer other than 101 is
  /// passed on and both sides are closed. Returns at once; the stream is finished for the caller.
  /// For exec and attach the query says which streams the other server waits for (stdin, stdout, stderr, tty: each "=1"), so that
  /// a client of v5.channel.k8s.io can be served by one that speaks SPDY; "stdinOnce=1": who reads the terminal is told of the end.
  virtual void forward(std::string_view host_port, std::string_view path_and_query) = 0;
  /// The client has gone (or the server stops).
  virtual bool closed() const = 0;
  /// The answer is complete.
  virtual void finish() = 0;
};

class RouteHandler {
 public:
  virtual ~RouteHandler() = default;
  virtual void handle(RouteRequest request, std::shared_ptr<RouteStream> stream) = 0;
};

class RouteTable {
 public:
  virtual ~RouteTable() = default;
  /// Who serves this subresource ("log") of the kind with this storage key ("pods"), or all of it (""); null: nobody.
  virtual std::shared_ptr<RouteHandler> find(base::Atom storage_key, std::string_view subresource) const = 0;
  /// Who serves this decoded path; null: nobody.
  virtual std::shared_ptr<RouteHandler> find_path(std::string_view) const { return nullptr; }
  /// All there is; another list after each change. Null: nothing.
  virtual std::shared_ptr<const std::vector<ServedRoute>> served() const { return nullptr; }
  /// How objects of that kind look to whoever gets or lists them: with figures that change all the time and are therefore
  /// not stored. Empty: as they are stored, which is what every watch shows.
  virtual std::function<store::ObjectRef(const store::ObjectRef&)> live(base::Atom) const { return {}; }
};

}  // namespace keelson::plugins
