// A plugin for tests with an entry per misbehaviour: a ConfigMap labelled hostile=yes says in data.do which, and is marked
// before it happens, so that it happens once. With config "check" "loop" it never says whether it is ready.
#include <keelson/sdk.hpp>

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace {

using keelson::ConfigMap;

constexpr std::size_t kLeakBytes = 1u << 30;
constexpr std::size_t kLeakStep = 1u << 20;
constexpr int kDescriptors = 64;

volatile int sink = 0;

int deeper(int depth) {
  volatile char page[4096];
  page[depth % 4096] = static_cast<char>(depth);
  return depth < 0 ? 0 : deeper(depth + 1) + page[0];
}

void leak() {
  for (std::size_t taken = 0; taken < kLeakBytes; taken += kLeakStep) std::memset(new char[kLeakStep], 1, kLeakStep);
}

/// Over what was freed, where allocators keep what they need to know.
void scribble() {
  constexpr int kBlocks = 64;
  constexpr std::size_t kBytes = 64;
  std::vector<char*> blocks;
  const auto take = [&] {
    for (int i = 0; i < kBlocks; ++i) blocks.push_back(static_cast<char*>(std::malloc(kBytes)));
  };
  take();
  for (char* block : blocks) std::free(block);
  for (char* volatile block : std::exchange(blocks, {})) std::memset(block, 0x5a, kBytes);
  take();
  for (char* block : blocks) std::memset(block, 0, kBytes), std::free(block);
}

void say_garbage() {
  const std::vector<char> garbage(4096, 'x');
  for (int fd = 3; fd < kDescriptors; ++fd) (void)!::write(fd, garbage.data(), garbage.size());
}

void deadlock() {
  std::mutex mutex;
  mutex.lock();
  mutex.lock();
}

const std::map<std::string, std::function<void()>> kDeeds{
    {"segfault", [] { ::raise(SIGSEGV); }},
    {"abort", [] { std::abort(); }},
    {"overflow", [] { sink = deeper(0); }},
    {"loop", [] { for (;;) sink = sink + 1; }},
    {"deadlock", deadlock},
    {"leak", leak},
    {"descriptors", [] { while (::dup(STDERR_FILENO) >= 0) {} }},
    {"exit", [] { std::_Exit(3); }},
    {"scribble", scribble},
    {"close", [] { for (int fd = 3; fd < kDescriptors; ++fd) ::close(fd); }},
    {"garbage", say_garbage},
    {"throw", [] { throw 42; }},
    {"print", [] { (void)!::write(STDERR_FILENO, "as printed\nand half", 19), std::puts(" a line"), std::fflush(stdout); }},
};

class Hostile final : public keelson::Reconciler<ConfigMap> {
 public:
  keelson::Result reconcile(keelson::Context& ctx, const ConfigMap& map) override {
    const auto deed = map.data.find("do");
    if (deed == map.data.end() || map.data.contains("done")) return keelson::done();
    ConfigMap mark;
    mark.meta.name = map.meta.name;
    mark.meta.namespace_ = map.meta.namespace_;
    mark.data["done"] = "yes";
    (void)KEELSON_TRY(ctx.apply(mark));
    if (const auto found = kDeeds.find(deed->second); found != kDeeds.end()) found->second();
    return keelson::done();
  }
};

}  // namespace

KEELSON_PLUGIN("hostile", "0.1.0", setup) {
  if (setup.config("check") == "loop")
    setup.ready_when([] {
      for (;;) sink = sink + 1;
      return std::string();
    });
  setup.may<ConfigMap>({"create"});
  setup.controller<ConfigMap>(std::make_unique<Hostile>()).when<ConfigMap>([](const keelson::Ref<ConfigMap>& before, const keelson::Ref<ConfigMap>& now) {
    return (now ? now : before).label("hostile") == "yes";
  }).deadline(std::chrono::seconds(1));
}
