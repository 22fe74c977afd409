// A step in micro-batches, one a slice of work: the mailbox is looked at in between, and what comes there finds the
// state of before the step.
#include "actors/distiller/distiller_core.hpp"

#include "tests/support/distiller_fixture.hpp"

namespace freshet::actors {
namespace distiller_micro_batch_test {

using topology::refresh_request;
using topology::version_committed;

class distiller_micro_batch : public distiller_fixture {
 protected:
  distiller_micro_batch() { learning_.micro_batch = 2; }

  /// Of a batch of 6: three slices of work a step.
  static constexpr int slices_a_step = 3;

  /// What others said before is of no interest to it.
  std::unique_ptr<distiller_core> make_another() {
    out_.messages.clear();
    return make();
  }

  /// Takes labels and computes so many slices of the steps that follow.
  void train(distiller_core& core, std::uint64_t lease, int slices) {
    core.handle(teacher, labels(lease, 6), now_, out_);
    while (stats(core)["phase"] != "training") ASSERT_TRUE(core.work(now_, out_));
    for (int i = 0; i < slices; ++i) ASSERT_TRUE(core.work(now_, out_));
  }
  [[nodiscard]] topology::mirror_return back_to_the_first() const { return back_to(first_, version{2}); }
};

TEST_F(distiller_micro_batch, a_slice_of_work_computes_one) {
  const auto core = make();
  const host_tensor before = core->learner().values();
  train(*core, 1, 0);
  for (int i = 0; i < 3 * slices_a_step; ++i) {
    EXPECT_EQ(core->learner().steps(), i / slices_a_step);
    EXPECT_EQ(stats(*core)["steps"], i / slices_a_step) << "figures are told in the middle of a step";
    EXPECT_EQ(core->learner().values() == before, i < slices_a_step);
    ASSERT_TRUE(core->work(now_, out_));
  }
  EXPECT_EQ(core->learner().steps(), 3);
  work_off(*core);
  const refresh_request cut = relay(*core);
  EXPECT_EQ(core->committed(), version{1});

  learning_.micro_batch = 0;
  const auto other = make_another();
  learn(*other, labels(1, 6));
  const refresh_request whole = relay(*other);
  ASSERT_EQ(cut.target.items(), whole.target.items());
  std::size_t apart = 0;
  for (std::size_t i = 0; i < cut.target.items(); ++i) {
    // Adam makes full steps of mere rounding where there is no gradient: of keys' biases.
    apart += std::abs(cut.target.as<float>()[i] - whole.target.as<float>()[i]) < 1e-4F ? 0 : 1;
  }
  EXPECT_LT(apart, cut.target.items() / 20);
}

TEST_F(distiller_micro_batch, labels_that_come_in_the_middle_of_a_step_wait) {
  const auto core = make();
  train(*core, 1, 1);
  core->handle(teacher, labels(2, 2), now_, out_);
  EXPECT_EQ(stats(*core)["queued"], 1);
  const auto undisturbed = make_another();
  train(*undisturbed, 1, slices_a_step);
  for (int i = 1; i < slices_a_step; ++i) ASSERT_TRUE(core->work(now_, out_));
  EXPECT_EQ(core->learner().values(), undisturbed->learner().values());
}

TEST_F(distiller_micro_batch, a_mirror_that_returns_in_the_middle_of_a_step_drops_it) {
  const auto after = [&](int slices) {
    auto core = make_another();
    learn(*core, labels(1, 6));
    relay(*core);
    train(*core, 2, slices);
    core->handle(deployer, back_to_the_first(), now_, out_);
    EXPECT_EQ(core->committed(), version{0});
    EXPECT_EQ(core->learner().values(), first_.values);
    EXPECT_EQ(stats(*core)["phase"], "gathering");
    out_.take<version_committed>();
    learn(*core, labels(3, 6));
    return relay(*core);
  };
  const refresh_request between_steps = after(slices_a_step);
  EXPECT_EQ(between_steps.base, version{0});
  EXPECT_NE(between_steps.target, between_steps.mirror);
  EXPECT_EQ(after(slices_a_step + 2), between_steps);
}

TEST_F(distiller_micro_batch, a_return_that_is_refused_disturbs_no_step) {
  const auto run = [&](bool asked) {
    auto core = make_another();
    train(*core, 1, 1);
    auto wrong = back_to_the_first();
    wrong.hash = content_hash{wrong.hash.value + 1};
    if (asked) core->handle(deployer, wrong, now_, out_);
    EXPECT_EQ(stats(*core)["refused"], asked ? 1 : 0);
    work_off(*core);
    return relay(*core);
  };
  EXPECT_EQ(run(true), run(false));
}

TEST_F(distiller_micro_batch, a_stop_in_the_middle_of_a_step_keeps_what_was_there_before_it) {
  const auto stopped_after = [&](const char* name, int slices) {
    folder_ = tiny_.folder() / name;
    {
      const auto core = make_another();
      learn(*core, labels(1, 6));
      relay(*core);
      out_.take<version_committed>();
      train(*core, 2, slices);
      core->stop(now_, out_);
    }
    auto again = make();
    EXPECT_EQ(again->learner().steps(), 3 + slices / slices_a_step);
    return again;
  };
  const auto between_steps = stopped_after("between", slices_a_step);
  const auto in_a_step = stopped_after("within", slices_a_step + 1);
  EXPECT_EQ(in_a_step->learner().values(), between_steps->learner().values());
  EXPECT_EQ(in_a_step->learner().save_optimiser(), between_steps->learner().save_optimiser());
  EXPECT_EQ(in_a_step->learner().memory().where(), between_steps->learner().memory().where());
  work_off(*in_a_step);
  work_off(*between_steps);
  const auto asked = out_.take<refresh_request>();
  ASSERT_EQ(asked.size(), 2U) << "the refresh is made anew";
  EXPECT_EQ(asked[0], asked[1]);
}

}  // namespace distiller_micro_batch_test
}  // namespace freshet::actors
