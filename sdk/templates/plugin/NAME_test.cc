// The real store, API verbs and plugin host on a virtual clock: no sockets, no sleeping, repeated by its seed.
#include <keelson/testing.hpp>

#include <cstdlib>
#include <iostream>

#include "@name@.hpp"

namespace {

using @under_name@_v1::@Kind@;

void expect(bool holds, const char* what) {
  std::cout << (holds ? "ok      " : "FAILED  ") << what << "\n";
  if (!holds) std::exit(1);
}

}  // namespace

int main() {
  keelson::testing::Cluster k({.seed = 7});
  k.load("@name@");
  k.apply_yaml(PROJECT_DIR "/@name@.yaml");
  k.settle();
  expect(k.get<@Kind@>("first").status.phase == "Ready", "a @Kind@ becomes Ready");
  expect(k.get<keelson::ConfigMap>("first").data.at("text") == "hello, world", "its text is in the ConfigMap");

  k.edit<@Kind@>("first", [](@Kind@& object) { object.spec.text = "good night"; });
  k.settle();
  expect(k.get<keelson::ConfigMap>("first").data.at("text") == "good night", "an edit reaches the ConfigMap");

  k.edit<keelson::ConfigMap>("first", [](keelson::ConfigMap& copy) { copy.data["text"] = "scribble"; });
  k.settle();
  expect(k.get<keelson::ConfigMap>("first").data.at("text") == "good night", "what others do to the ConfigMap is undone");
}
