#include "core/base/metric_part.hpp"

#include <catch2/catch.hpp>

#include "core/base/runtime.hpp"

using namespace keelson::base;

TEST_CASE("metrics are printed as Prometheus text") {
  const auto metrics = make_metrics();
  metrics->counter("requests_total", "Requests.", {{"verb", "get"}}).add();
  metrics->counter("requests_total", "Requests.", {{"verb", "get"}}).add(2);
  metrics->gauge("depth", "Depth.").set(4);
  metrics->gauge("depth", "Depth.").add(-1);
  auto& seconds = metrics->histogram("seconds", "Time.", {0.1, 1});
  for (const double value : {0.05, 0.1, 0.5, 3.0}) seconds.observe(value);
  const std::string text = metrics->prometheus_text();
  const auto has = [&](const std::string& line) { return text.find(line + "\n") != std::string::npos; };
  INFO(text);
  CHECK(has("# HELP requests_total Requests."));
  CHECK(has("# TYPE requests_total counter"));
  CHECK(has("requests_total{verb=\"get\"} 3"));
  CHECK(has("depth 3"));
  CHECK(has("seconds_bucket{le=\"0.1\"} 2"));
  CHECK(has("seconds_bucket{le=\"1\"} 3"));
  CHECK(has("seconds_bucket{le=\"+Inf\"} 4"));
  CHECK(has("seconds_count 4"));
}

TEST_CASE("a value read at scrape time goes away with its handle") {
  const auto metrics = make_metrics();
  auto handle = metrics->on_scrape("objects", "Objects.", "gauge", [](const auto& emit) { emit({{"resource", "pods"}}, 5); });
  CHECK(metrics->prometheus_text().find("objects{resource=\"pods\"} 5") != std::string::npos);
  handle.reset();
  CHECK(metrics->prometheus_text().find("objects") == std::string::npos);
}

TEST_CASE("increments from many threads are all counted") {
  const auto runtime = real_runtime();
  const auto metrics = make_metrics();
  Counter& counter = metrics->counter("n", "N.");
  {
    std::vector<std::unique_ptr<Thread>> threads;
    for (int i = 0; i < 4; ++i)
      threads.push_back(runtime->spawn("count", [&] {
        for (int n = 0; n < 10'000; ++n) counter.add();
      }));
  }
  CHECK(metrics->prometheus_text().find("\nn 40000\n") != std::string::npos);
}

TEST_CASE("a scrape shows parts in their whole, also of those that are gone") {
  const auto metrics = make_metrics();
  auto& adds = metrics->counter("adds_total", "Adds.");
  auto& seconds = metrics->histogram("seconds", "Time.", {0.1, 1});
  adds.add();
  seconds.observe(0.5);
  const auto kept = part_of(adds);
  const auto kept_seconds = part_of(seconds);
  kept->add(2);
  kept_seconds->observe(0.05);
  {
    const auto gone = part_of(adds);
    const auto gone_seconds = part_of(seconds);
    gone->add(4);
    gone_seconds->observe(7);
    CHECK(metrics->prometheus_text().find("adds_total 7\n") != std::string::npos);
  }
  kept->add();
  const auto text = metrics->prometheus_text();
  for (const auto* line : {"adds_total 8\n", "seconds_count 3\n", "seconds_sum 7.55\n", "seconds_bucket{le=\"0.1\"} 1\n", "seconds_bucket{le=\"1\"} 2\n", "seconds_bucket{le=\"+Inf\"} 3\n"}) {
    INFO(line << text);
    CHECK(text.find(line) != std::string::npos);
  }
}
