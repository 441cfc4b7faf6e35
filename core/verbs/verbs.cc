#include "core/verbs/verbs.hpp"

#include "core/kinds/known_specs.hpp"
#include "core/kinds/managed/created_fields.hpp"
#include "core/verbs/arena.hpp"
#include "core/verbs/collection.hpp"
#include "core/verbs/conversion.hpp"
#include "core/verbs/known_creates.hpp"
#include "core/verbs/reader.hpp"
#include "core/verbs/together.hpp"
#include "core/verbs/transaction.hpp"

namespace keelson::verbs {
namespace {

class VerbsImpl final : public Verbs {
 public:
  VerbsImpl(Parts parts, AskWebhook ask) : core_{parts, make_arena_pool()}, reader_(core_) {
    core_.conversions = std::make_shared<Conversions>(core_.parts, std::move(ask));
    core_.created_fields = std::make_shared<kinds::CreatedFields>();
    core_.known_specs = std::make_shared<kinds::KnownSpecs>();
    core_.known_creates = std::make_shared<KnownCreates>();
  }

  void get(const Context& context, Target target, ReadOptions options, std::function<void(base::Outcome<store::ObjectRef>)> done) override {
    reader_.get(context, std::move(target), options, std::move(done));
  }
  void list(const Context& context, Target target, ListOptions options, std::function<void(base::Outcome<Listed>)> done) override {
    reader_.list(context, std::move(target), std::move(options), std::move(done));
  }
  base::Outcome<std::unique_ptr<watch::Watch>> watch(const Context& context, Target target, watch::WatchRequest request, watch::WatchSink& sink) override {
    return reader_.watch(context, std::move(target), std::move(request), sink);
  }

  void create(const Context& context, Target target, Body body, WriteOptions options, OnWritten done) override {
    Step step{.op = Step::Op::create, .target = std::move(target), .body = std::move(body), .options = options};
    one(context, std::move(step), std::move(done));
  }
  void update(const Context& context, Target target, Body body, WriteOptions options, OnWritten done) override {
    Step step{.op = Step::Op::update, .target = std::move(target), .body = std::move(body), .options = options};
    one(context, std::move(step), std::move(done));
  }
  void patch(const Context& context, Target target, kinds::PatchType type, Body body, WriteOptions options, OnWritten done) override {
    Step step{.op = Step::Op::patch, .target = std::move(target), .patch_type = type, .body = std::move(body), .options = options};
    one(context, std::move(step), std::move(done));
  }
  void remove(const Context& context, Target target, DeleteOptions options, OnWritten done) override {
    Step step{.op = Step::Op::remove, .target = std::move(target), .delete_options = std::move(options)};
    one(context, std::move(step), std::move(done));
  }
  void remove_collection(const Context& context, Target target, ListOptions which, DeleteOptions options, std::function<void(base::Outcome<Listed>)> done) override {
    if (auto allowed = core_.admit(context, target, "deletecollection"); !allowed) return done(allowed.error());
    auto removal = std::make_shared<CollectionRemoval>(core_, context, target, std::move(options), std::move(done));
    reader_.list(context, std::move(target), std::move(which), [removal](base::Outcome<Listed> listed) { removal->run(std::move(listed)); }, false);
  }

  void write_distinct(const Context& context, Step alike, std::vector<Each> writes, OnEachWritten done) override {
    std::make_shared<Together>(core_, context, std::move(alike), std::move(writes), std::move(done))->run();
  }

  void transact(const Context& context, std::vector<Step> steps, std::vector<store::Expectation> expectations, std::function<void(base::Outcome<std::vector<Written>>)> done) override {
    if (steps.size() > static_cast<std::size_t>(kTransactionWritesMax))
      return done(base::request_too_large("a transaction has at most " + std::to_string(kTransactionWritesMax) + " writes"));
    std::make_shared<Transaction>(core_, context, std::move(steps), std::move(expectations), true, std::move(done))->attempt();
  }

  base::Outcome<json::value> decoded(const kinds::Kind& kind, const store::Object& object, json::storage_ptr memory) override {
    return core_.decoded(kind, object, std::move(memory));
  }

 private:
  void one(const Context& context, Step step, OnWritten done) { write_one(core_, context, std::move(step), std::move(done)); }

  Core core_;
  Reader reader_;
};

}  // namespace

std::unique_ptr<Verbs> make_verbs(Parts parts) { return make_verbs(parts, {}); }
std::unique_ptr<Verbs> make_verbs(Parts parts, AskWebhook ask) { return std::make_unique<VerbsImpl>(parts, std::move(ask)); }

}  // namespace keelson::verbs
