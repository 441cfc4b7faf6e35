// Readers: the ConfigMap kube-system/readers names users who may read everything; its key "banned" one who may do nothing.
#include <keelson/sdk.hpp>

#include <atomic>

namespace {

using keelson::AccessRequest;
using keelson::ConfigMap;
using keelson::Verdict;

using Readers = std::map<std::string, std::string>;

class ReadersMayRead final : public keelson::Authorizer {
 public:
  Verdict authorize(const AccessRequest& request) override {
    const auto readers = std::atomic_load(&readers_);
    return decide(*readers, request).without(keelson::Field::uid).without(keelson::Field::groups).without(keelson::Field::extra).without(keelson::Field::version)
        .without(keelson::Field::ns).without(keelson::Field::name);
  }
  void set(Readers readers) { std::atomic_store(&readers_, std::make_shared<const Readers>(std::move(readers))); }

 private:
  static Verdict decide(const Readers& readers, const AccessRequest& request) {
    const auto banned = readers.find("banned");
    if (banned != readers.end() && banned->second == request.user) return Verdict::deny("banned");
    const bool reads = request.verb == "get" || request.verb == "list" || request.verb == "watch";
    return reads && readers.contains(std::string(request.user)) ? Verdict::allow() : Verdict::no_opinion();
  }
  std::shared_ptr<const Readers> readers_ = std::make_shared<const Readers>();   // replaced as a whole: asked on any thread
};

}  // namespace

KEELSON_PLUGIN("hooks-authorization", "0.1.0", setup) {
  auto made = std::make_unique<ReadersMayRead>();
  auto* const readers = made.get();
  const auto verdicts = setup.authorizer(std::move(made), {.name = "readers"});
  setup.observe<ConfigMap>([readers, verdicts](const keelson::Observed<ConfigMap>& change) {
    const auto& shown = change.now ? change.now : change.before;
    if (!shown || shown.ns() != "kube-system" || shown.name() != "readers") return;
    readers->set(change.now ? change.now->data : Readers());
    verdicts.changed();
  });
}
