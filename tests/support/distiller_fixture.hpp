// A distiller with a tiny student, and what speaks with it: a teacher that says always the same, a real compressor,
// an outbox that keeps what it says.
#pragma once

#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "actors/compressor/compressor_core.hpp"
#include "actors/device/student_runtime.hpp"
#include "actors/distiller/distiller_core.hpp"
#include "actors/line_layout.hpp"
#include "kernels/delta/artefact.hpp"
#include "kernels/model/line.hpp"
#include "tests/support/fake_outbox.hpp"
#include "tests/support/patch_batches.hpp"
#include "tests/support/text_batches.hpp"
#include "tests/support/tiny_student.hpp"

namespace freshet::actors {

class distiller_fixture : public ::testing::Test {
 protected:
  static inline const topology::address intake{"cloud", "intake"};
  static inline const topology::address teacher{"cloud", "teacher"};
  static inline const topology::address compressor{"cloud", "compressor"};
  static inline const topology::address deployer{"cloud", "deployer"};
  static inline const topology::address bench{"bench", "bench"};

  explicit distiller_fixture(bool text_only = false)
      : text_only_(text_only), tiny_(1, text_only), words_(*model::load_tokenizer(tiny_.model())) {
    options_.intake = intake;
    options_.compressor = compressor;
    options_.deployer = deployer;
    options_.teacher = "big";
    options_.steps_per_refresh = 3;
    options_.refresh_samples = 6;
    learning_.logit_kd = 0;
    learning_.learning_rate = 1e-2;
    learning_.final_learning_rate = 1e-2;
    learning_.warm_up_steps = 1;
    learning_.batch = 6;
    const auto student = fresh_student();
    options_.line = model::line_of(student, tiny_.lora);
    squeeze_.parts = layout_of(model::trainable_set::of(student.weights()));
  }

  model::multimodal fresh_student() {
    auto net = std::move(*model::multimodal::load(tiny_.model()));
    EXPECT_TRUE(net.attach(tiny_.lora).ok());
    return net;
  }

  /// A core that has started; what it announces then is taken out.
  std::unique_ptr<distiller_core> make() {
    std::unique_ptr<distiller_store> store;
    if (!folder_.empty()) {
      auto opened = distiller_store::open(folder_, options_.line);
      EXPECT_TRUE(opened.ok()) << opened.err().text();
      store = std::move(*opened);
    }
    auto core = std::make_unique<distiller_core>(options_, distill::learner(fresh_student(), learning_, 0), words_,
                                                 std::move(store));
    core->start(now_, out_);
    const auto announced = out_.take<topology::version_committed>();
    EXPECT_EQ(announced.size(), 1U);
    if (!announced.empty()) first_ = announced.front();
    if (!squeezer_) squeezer_ = std::move(*make_compressor(squeeze_));
    return core;
  }

  /// Six labels become version 1, which goes through the compressor and is told.
  topology::version_committed first_version(distiller_core& core) {
    learn(core, labels(1, 6));
    relay(core);
    const auto told = out_.take<topology::version_committed>();
    EXPECT_EQ(told.size(), 1U);
    return told.at(0);
  }

  /// What the deployer says when the versions after `good` turned out worse.
  [[nodiscard]] topology::mirror_return back_to(const topology::version_committed& good, version next) const {
    topology::mirror_return back;
    back.line = options_.line;
    back.to = good.next;
    back.hash = good.result;
    back.next = next;
    back.values = good.values;
    back.why = "what came later is worse";
    return back;
  }

  /// Of pictures, or of text alone where the student reads nothing else.
  topology::labelled_batch labels(std::uint64_t lease, std::size_t samples, std::uint64_t tick = 0, bool end = false) {
    test::kept_lists kept;
    std::vector<std::uint64_t> positions;
    for (std::uint32_t i = 0; i < samples; ++i) kept.push_back({i % 16, (i + 5) % 16});
    for (std::uint64_t i = 0; i < samples; ++i) positions.push_back(lease * 1000 + i);
    const auto asked = text_only_ ? test::patch_batch{test::text_batch(positions), {}, {}}
                                  : test::patches_of(std::move(kept), lease);
    auto b = test::labelled(asked, lease, answer_, *words_);
    b.batch.tick = tick;
    b.batch.end_of_tick = end;
    return b;
  }

  void work_off(role_core& core) {
    for (int slices = 0; core.work(now_, out_); ++slices) ASSERT_LT(slices, 1000);
  }
  void learn(role_core& core, const topology::labelled_batch& batch) {
    core.handle(teacher, batch, now_, out_);
    work_off(core);
  }
  /// What the real compressor makes of a request.
  topology::refresh_ready squeeze(const topology::refresh_request& request) {
    test::fake_outbox its;
    squeezer_->handle({"cloud", "distiller"}, request, now_, its);
    while (squeezer_->work(now_, its)) {
    }
    auto made = its.take<topology::refresh_ready>();
    EXPECT_EQ(made.size(), 1U);
    return made.empty() ? topology::refresh_ready{} : made.front();
  }
  /// Answers the one waiting request; returns it.
  topology::refresh_request relay(role_core& core) {
    auto asked = out_.take<topology::refresh_request>();
    EXPECT_EQ(asked.size(), 1U);
    if (asked.empty()) return {};
    core.handle(compressor, squeeze(asked[0]), now_, out_);
    work_off(core);
    return asked[0];
  }

  static nlohmann::json stats(const role_core& core) { return nlohmann::json::parse(core.stats_json()); }
  static std::vector<float> floats(const host_tensor& t) { return {t.as<float>(), t.as<float>() + t.items()}; }

  bool text_only_;
  test::tiny_student tiny_;
  std::shared_ptr<const model::tokenizer> words_;
  distiller_options options_;
  distill::learner_options learning_;
  compressor_options squeeze_;
  std::unique_ptr<role_core> squeezer_;
  std::string answer_ = "red";
  std::filesystem::path folder_;  ///< of the state; empty: none
  topology::version_committed first_;
  test::fake_outbox out_;
  time_point now_{std::chrono::seconds(1000)};
};

}  // namespace freshet::actors
