// Auth: who is it, may it, and what must be true of a change before it is stored. Interfaces and chains; the policies
// are plugins (RBAC, admission), but for what the first start needs.
//
// Invariants: fail closed: no authenticator match = anonymous (only health and version); no authorizer opinion = refused;
//   a missing, paused or broken policy plugin refuses. system:masters may do everything.
// Threads: authenticate and authorize run on network threads and must not wait (inline); Admission units say whether
//   they may (worker hooks), and then answer by callback.
// Ownership: chains own their units.
#pragma once
#include <boost/json/value.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/runtime.hpp"
#include "core/kinds/kind.hpp"
#include "core/store/store.hpp"

namespace keelson::auth {

struct Rules;

struct Identity {
  std::string name;                                        ///< "system:admin", "system:serviceaccount:ns:name" ...
  std::string uid;
  std::vector<std::string> groups;                         ///< always with system:authenticated or system:unauthenticated
  std::map<std::string, std::vector<std::string>> extra;
  std::string plugin;                                      ///< set when a plugin acts ...
  std::shared_ptr<const Rules> rights;                     ///< ... with what it asked for; shared by all of its calls. Null: nothing
  std::vector<std::string> audiences;                      ///< of Credentials::audiences, those that its token is for
  bool member_of(std::string_view group) const;
};
Identity anonymous();
/// No authenticator gives such a uid, so that policies tell plugins from others of their name.
inline constexpr std::string_view kPluginUidPrefix = "plugin:";
/// What a plugin acts as: user "system:plugin:<name>", uid "plugin:<name>", group "system:plugins".
Identity plugin_identity(std::string_view plugin);

struct Credentials {
  std::optional<std::string> bearer_token;
  struct Certificate {
    std::string common_name;
    std::vector<std::string> organizations;
    std::string serial;                                    ///< hexadecimal, as openssl prints it
  };
  std::vector<std::string> audiences;                      ///< the token has to be for one of them; none: for this server
  const Certificate* certificate = nullptr;                ///< verified against our CA by the TLS layer, which keeps it meanwhile; null: none
};

class Authenticator {
 public:
  virtual ~Authenticator() = default;
  /// nullopt: not mine. Error: bad credentials, 401.
  virtual base::Outcome<std::optional<Identity>> authenticate(const Credentials& credentials) = 0;
};

struct Attributes {
  const Identity* user = nullptr;
  std::string verb;                                        ///< get, list, watch, create ... or lower-case HTTP method
  bool resource_request = true;
  std::string group, version, resource, subresource, ns, name;
  std::string path;                                        ///< for non-resource requests
};

enum class Decision { allow, deny, no_opinion };
struct Verdict { Decision decision = Decision::no_opinion; std::string reason; };

class Authorizer {
 public:
  virtual ~Authorizer() = default;
  virtual Verdict authorize(const Attributes& attributes) = 0;
};

/// The 403 for a refusal, with upstream's text.
base::Error refusal(const Attributes& attributes, std::string_view reason);

/// A write that an admission unit adds: it joins the commit of the request, all or nothing, under the unit's own identity.
struct AddedWrite {
  enum class Op { create, update, merge_patch, json_patch, strategic_patch, apply, remove } op = Op::create;
  kinds::KindRef kind;
  std::string ns, name, subresource, body;                 ///< body: JSON
  Identity user;
};

/// What admission adds to a commit as a whole: one for all steps of an attempt.
struct CommitExtras {
  /// An object of the server's own that changes with the commit: stored as it stands, if `seen` is still what is stored. Without `seen`
  /// it is new, and the commit fails if it is there; null as an object: it is removed.
  struct Update { kinds::KindRef kind; store::ObjectRef seen; boost::json::value object; };
  std::map<store::Key, Update> updates;
  std::vector<std::shared_ptr<void>> held;                 ///< let go when the attempt is decided
};

/// What admission's answer about a new object rests on beside its spec: on equal grounds an equal spec becomes the same.
struct Grounds {
  const boost::json::value& spec;                          ///< as its author sent it, with defaults
  std::string text{};
  std::vector<store::Expectation> expectations{};          ///< what must still hold at commit

  void add(std::string_view what) { text.append(what) += '\n'; }
  /// An object as the decision saw it, null: that there is none. `expected`: the commit has to find it so.
  void add(const store::Key& key, const store::ObjectRef& seen, bool expected);
};

/// What an admission unit sees and may change.
struct AdmissionRequest {
  enum class Operation { create, update, remove, connect } operation = Operation::create;
  kinds::KindRef kind;
  const kinds::Kind* form = nullptr;                       ///< of the objects, where the subresource takes another kind (Binding, Scale); null: `kind`
  std::string subresource, ns, name;
  boost::json::value* object = nullptr;                    ///< to be stored; null for remove. Mutators edit it
  const boost::json::value* old = nullptr;
  const Identity* user = nullptr;
  bool dry_run = false;
  store::Snapshot snapshot;                                ///< the state that this decision is made on
  std::vector<store::Expectation>* expectations = nullptr; ///< what must still hold at commit
  std::vector<std::string>* warnings = nullptr;
  std::vector<AddedWrite>* additions = nullptr;            ///< null: nothing can be added here
  std::uint64_t changes = 0;                               ///< counted up by units that are foreign to each other, when they edit `object`
  bool again = false;                                      ///< set by a mutator that wants its second turn whatever the others do
  base::Monotonic deadline = base::kForever;               ///< of the request: one for the whole chain
  std::function<boost::json::object()> options;            ///< CreateOptions, UpdateOptions ... as the caller gave them; may be empty
  CommitExtras* extras = nullptr;                          ///< null: nothing is committed
  std::vector<std::pair<std::string, std::string>>* annotations = nullptr;   ///< for the audit log
  std::map<const void*, std::shared_ptr<void>> remembered; ///< what a unit keeps between its turns at this request, by unit
  std::string_view node;                                   ///< of a binding that is not read: where the pod goes
  bool keeps_metadata = false;                             ///< the write cannot change what metadata says
  bool spec_is_known = false;                              ///< what becomes of all but metadata is known: `object` may be without it, and whoever gave grounds has nothing to say
  std::shared_ptr<const void> units;                       ///< who gave grounds, and so is asked; null: whoever is there
};

class AdmissionUnit {
 public:
  virtual ~AdmissionUnit() = default;
  virtual std::string_view name() const = 0;
  virtual bool handles(AdmissionRequest::Operation operation, const kinds::Kind& kind, std::string_view subresource) const = 0;
  /// Whether it would look at the objects of this request, of which all else is set. Where no unit would, they stay unread and are null.
  virtual bool reads_objects(const AdmissionRequest& request) { return (void)request, true; }
  /// Whether it would look at who manages the fields of an object that is created. Where no unit would, that is not in the object.
  virtual bool reads_managers(const AdmissionRequest& request) { return reads_objects(request); }
  /// Adds what its answer rests on beside spec and metadata of the new object, promising to see and change no more of it, to add nothing to the commit and not to look at who
  /// manages what. False: its answer rests on more than can be told. Without a look at the spec there are no grounds to add.
  virtual bool rests_on(const AdmissionRequest& request, Grounds& grounds) { return (void)grounds, !reads_objects(request); }
  /// Whether it lets such a request be, whatever its object is: neither looks at it nor changes nor refuses anything. `name` is not set.
  virtual bool passes(const AdmissionRequest& request) { return (void)request, false; }
  /// Asked to mutate once more, after all others, when `changes` grew behind it.
  virtual bool reinvoke() const { return false; }
  /// Inline units answer before they return.
  virtual void mutate(AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) { (void)request; done({}); }
  virtual void validate(AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) { (void)request; done({}); }
};

/// The chains of a server. Add before serving, or while running (plugins): copies are swapped as a whole.
class Chains {
 public:
  virtual ~Chains() = default;
  virtual void add(std::shared_ptr<Authenticator> unit) = 0;
  /// Asked before all others that are there: for one that refuses.
  virtual void add_first(std::shared_ptr<Authenticator> unit) = 0;
  virtual void add(std::shared_ptr<Authorizer> unit) = 0;
  /// By `order` (places in upstream's chain), then by name: never by who came first.
  virtual void add(int order, std::shared_ptr<AdmissionUnit> unit) = 0;
  virtual void remove(const void* unit) = 0;

  virtual base::Outcome<Identity> authenticate(const Credentials& credentials) const = 0;   ///< anonymous when nobody claims
  virtual Verdict authorize(const Attributes& attributes) const = 0;
  /// Whether any unit that handles the request would look at its objects.
  virtual bool reads_objects(const AdmissionRequest& request) const { return (void)request, true; }
  /// Whether all units that handle the request let it be: then they need not be asked.
  virtual bool passes(const AdmissionRequest& request) const { return (void)request, false; }
  /// Whether any unit that handles the request would look at who manages its object's fields.
  virtual bool reads_managers(const AdmissionRequest& request) const { return (void)request, true; }
  /// All that the answers of all units that handle the request rest on. True: these units are asked about it from here on.
  virtual bool grounds(AdmissionRequest& request, Grounds& grounds) const { return (void)request, (void)grounds, false; }
  /// Mutators in order, then once more those that want to be reinvoked; validators in order; first error wins. `request`
  /// lives until `done`.
  virtual void admit_mutate(AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) const = 0;
  virtual void admit_validate(AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) const = 0;
};
/// With client certificates as authenticator, and the authorizers of the first start: system:masters, plugins within their
/// rights, and what everybody may (health, version; authenticated: discovery and reviews of themselves).
std::unique_ptr<Chains> make_chains();

/// The levels of Pod Security (privileged, baseline, restricted) for namespaces whose labels name none: as upstream, but that they warn.
struct PodSecurityDefaults {
  std::string enforce = "privileged", audit = "privileged", warn = "baseline";
};

/// Admission that the core brings: NamespaceLifecycle, ServiceAccount, DefaultTolerationSeconds, Priority,
/// TaintNodesByCondition.
void add_default_admission(Chains& chains, const PodSecurityDefaults& pod_security = {});

/// ServiceAccount tokens: ES256 JWTs signed by a key in `key_pem`.
class TokenIssuer {
 public:
  virtual ~TokenIssuer() = default;
  struct Claims {
    std::string ns, service_account, service_account_uid;
    std::string pod, pod_uid, node, node_uid, secret, secret_uid;   ///< bound objects, empty = unbound
    std::vector<std::string> audiences;                    ///< empty = the API server's own
    std::int64_t lifetime_s = 3600;
  };
  struct Token { std::string text; std::int64_t expires_unix_s = 0; };
  virtual Token issue(const Claims& claims) = 0;
  /// As an Authenticator unit; `store` tells whether account and bound objects still exist.
  virtual std::shared_ptr<Authenticator> authenticator(store::Store& store) = 0;
  virtual std::string jwks_json() const = 0;
  /// The API server's own audience, which a token is for that names none.
  virtual std::string_view audience() const = 0;
};
base::Outcome<std::unique_ptr<TokenIssuer>> make_token_issuer(std::string key_pem, std::string issuer, base::Runtime& runtime);

// --- certificates (OpenSSL in certificates.cc) ---------------------------------------------------------------------
struct KeyPair { std::string certificate_pem, key_pem; };
base::Outcome<KeyPair> make_ca(std::string_view common_name, std::int64_t now_unix_s, std::int64_t lifetime_s);
struct LeafRequest {
  std::string common_name;
  std::vector<std::string> organizations, dns_names, ip_addresses;
  bool server = false, client = false;
  std::int64_t lifetime_s = 24 * 3600;
};
base::Outcome<KeyPair> issue_certificate(const KeyPair& ca, const LeafRequest& request, std::int64_t now_unix_s);
/// Unix seconds of notAfter.
base::Outcome<std::int64_t> certificate_expiry(std::string_view certificate_pem);
std::string make_ec_key_pem();

}  // namespace keelson::auth
