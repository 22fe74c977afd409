// A step in micro-batches is the step over the whole batch, takes less memory, and leaves nothing behind when it is
// given up half way.
#include <limits>

#include "kernels/distill/learner.hpp"
#include "tests/kernels/distill/varied_samples.hpp"
#include "tests/support/tensor_bytes.hpp"

namespace freshet::distill {
namespace {

constexpr std::size_t batch_size = 12;

/// Every term, an anchor, replay and source samples.
learner_options every_term(std::size_t micro_batch) {
  learner_options o;
  o.visual_qkd = 0.5;
  o.hidden_qkd = 0.7;
  o.anchor = anchor_kind::ema;
  o.anchor_weight = 0.1;
  o.ema_decay = 0.8;
  o.learning_rate = o.final_learning_rate = 1e-2;
  o.warm_up_steps = 2;
  // Adam makes full steps of whatever gradient there is, of mere rounding too, unless it is below this.
  o.optimiser.eps = 1e-2;
  o.batch = batch_size;
  o.micro_batch = micro_batch;
  o.mix = {0.2, 0.3};
  o.memory.recent = 20;
  return o;
}

learner fed(const learner_options& options, std::uint64_t samples = 60) {
  learner l(tiny_student(), options, varied_teacher_width);
  std::vector<sample_handle> source;
  for (std::uint64_t i = 0; i < 20; ++i) source.push_back(varied_sample(3 * i, 5));
  l.set_source(source, 8);
  for (const auto& s : varied_samples(samples)) EXPECT_TRUE(l.add(s));
  return l;
}

/// Values and all that is kept beside them.
std::vector<std::pair<std::string, host_tensor>> whole_state(const learner& l) {
  auto out = l.save_optimiser();
  out.emplace_back("values", l.values());
  out.emplace_back("importance", l.importance());
  return out;
}

void expect_close(const learner& a, const learner& b) {
  const auto left = whole_state(a);
  const auto right = whole_state(b);
  ASSERT_EQ(left.size(), right.size());
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (left[i].second.type() != dtype::f32) {
      EXPECT_EQ(left[i], right[i]);
      continue;
    }
    double largest = 0;
    double apart = 0;
    for (std::size_t j = 0; j < left[i].second.items(); ++j) {
      const auto x = static_cast<double>(left[i].second.as<float>()[j]);
      const auto y = static_cast<double>(right[i].second.as<float>()[j]);
      largest = std::max(largest, std::abs(x));
      apart = std::max(apart, std::abs(x - y));
    }
    EXPECT_LT(apart, 2e-5 * largest + 1e-7) << left[i].first;
  }
}

TEST(micro_batch, some_steps_end_where_those_of_whole_batches_do) {
  learner whole = fed(every_term(0));
  std::vector<step_report> steps;
  for (int i = 0; i < 6; ++i) steps.push_back(whole.step(i / 6.0));
  for (const std::size_t size : {1, 3, 5}) {
    SCOPED_TRACE(size);
    learner cut = fed(every_term(size));
    for (int i = 0; i < 6; ++i) {
      const step_report r = cut.step(i / 6.0);
      ASSERT_FALSE(r.skipped);
      const step_report& want = steps[static_cast<std::size_t>(i)];
      EXPECT_NEAR(r.loss, want.loss, 1e-5 * want.loss) << i;
      EXPECT_NEAR(r.gradient_norm, want.gradient_norm, 1e-4 * want.gradient_norm) << i;
      EXPECT_EQ(r.agreement, want.agreement) << i;
    }
    EXPECT_EQ(cut.memory().where(), whole.memory().where()) << "what is drawn does not hang on it";
    expect_close(cut, whole);
  }
}

TEST(micro_batch, a_batch_that_fits_in_one_takes_the_same_bits) {
  learner whole = fed(every_term(0));
  for (int i = 0; i < 4; ++i) ASSERT_FALSE(whole.step().skipped);
  for (const std::size_t size : {batch_size, batch_size + 1, std::size_t{4096}}) {
    learner one = fed(every_term(size));
    for (int i = 0; i < 4; ++i) ASSERT_FALSE(one.step().skipped);
    EXPECT_EQ(whole_state(one), whole_state(whole)) << size;
  }
}

TEST(micro_batch, layers_that_are_computed_again_take_the_same_bits) {
  learner kept = fed(every_term(5));
  learner_options options = every_term(5);
  options.gradient_checkpointing = true;
  learner again = fed(options);
  for (int i = 0; i < 3; ++i) {
    ASSERT_FALSE(kept.step().skipped);
    ASSERT_FALSE(again.step().skipped);
  }
  EXPECT_EQ(whole_state(again), whole_state(kept));
}

TEST(micro_batch, each_call_computes_one_and_shows_nothing_before_the_last) {
  learner l = fed(every_term(5));
  ASSERT_FALSE(l.step().skipped);
  const auto before = whole_state(l);
  const auto marks = l.memory().where();
  for (int call = 0; call < 2; ++call) {
    EXPECT_FALSE(l.advance().has_value());
    EXPECT_EQ(whole_state(l), before);
    EXPECT_EQ(l.memory().where(), marks);
    EXPECT_EQ(l.steps(), 1);
  }
  const auto report = l.advance();
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(l.steps(), 2);
  EXPECT_FALSE(l.memory().where() == marks);
  learner at_once = fed(every_term(5));
  at_once.step();
  EXPECT_EQ(at_once.step().loss, report->loss);
  EXPECT_EQ(whole_state(l), whole_state(at_once));
}

TEST(micro_batch, a_step_given_up_half_way_has_never_begun) {
  const auto fresh = fed(every_term(5));
  const host_tensor values = fresh.values();
  const auto optimiser = fresh.save_optimiser();
  const std::vector<std::pair<const char*, std::function<void(learner&)>>> changes{
      {"write", [&](learner& l) { ASSERT_TRUE(l.write(values).ok()); }},
      {"restore_optimiser", [&](learner& l) { ASSERT_TRUE(l.restore_optimiser(optimiser).ok()); }},
      {"add", [](learner& l) { ASSERT_TRUE(l.add(varied_sample(100))); }},
      {"set_source", [](learner& l) { l.set_source({varied_sample(101)}); }},
      {"restore_memory",
       [](learner& l) {
         const auto at = l.memory().where();
         ASSERT_TRUE(l.restore_memory(l.memory().recent(), l.memory().reservoir(), at).ok());
       }},
  };
  for (const auto& [name, change] : changes) {
    SCOPED_TRACE(name);
    learner never = fed(every_term(5));
    change(never);
    learner given_up = fed(every_term(5));
    EXPECT_FALSE(given_up.advance().has_value());
    EXPECT_FALSE(given_up.advance().has_value());
    change(given_up);
    for (int call = 0; call < 2; ++call) EXPECT_FALSE(given_up.advance().has_value()) << "it begins anew";
    const auto report = given_up.advance();
    ASSERT_TRUE(report.has_value());
    EXPECT_EQ(report->loss, never.step().loss);
    EXPECT_EQ(whole_state(given_up), whole_state(never));
    EXPECT_EQ(given_up.memory().where(), never.memory().where());
  }
}

TEST(micro_batch, a_write_that_fails_disturbs_nothing) {
  learner l = fed(every_term(5));
  EXPECT_FALSE(l.advance().has_value());
  EXPECT_FALSE(l.write(host_tensor::of(std::vector<float>(3, 0.0F))).ok());
  EXPECT_FALSE(l.advance().has_value());
  ASSERT_TRUE(l.advance().has_value());
  learner undisturbed = fed(every_term(5));
  undisturbed.step();
  EXPECT_EQ(whole_state(l), whole_state(undisturbed));
}

TEST(micro_batch, what_is_not_finite_in_one_skips_the_step_and_leaves_no_gradient) {
  learner_options options = every_term(1);
  options.batch = 4;
  options.mix = {0, 0};
  const auto with = [&](bool bad) {
    learner l(tiny_student(), options, varied_teacher_width);
    for (std::uint64_t i = 0; i < 4; ++i) {
      auto s = varied_sample(i);
      if (bad && i == 1) {
        std::vector<float> huge(s->teacher_hidden.items(), 1e30F);  // its square is not finite
        s->teacher_hidden = host_tensor::of(std::move(huge), s->teacher_hidden.shape());
      }
      EXPECT_TRUE(l.add(s));
    }
    return l;
  };
  learner l = with(true);
  const auto before = whole_state(l);
  // Each batch holds all four, in another order: some micro-batches come before the bad one.
  int calls = 0;
  for (int i = 0; i < 5; ++i) {
    std::optional<step_report> report;
    for (; !report; ++calls) report = l.advance();
    EXPECT_TRUE(report->skipped);
    EXPECT_FALSE(std::isfinite(report->loss));
  }
  EXPECT_GT(calls, 5);
  EXPECT_EQ(whole_state(l), before);
  learner good = with(false);
  ASSERT_TRUE(l.restore_memory(good.memory().recent(), good.memory().reservoir(), good.memory().where()).ok());
  EXPECT_EQ(l.step().loss, good.step().loss);
  EXPECT_EQ(whole_state(l), whole_state(good));
}

TEST(micro_batch, takes_the_memory_of_its_samples_not_of_the_batch) {
  const auto peak_of = [](std::size_t micro_batch) {
    learner_options options = every_term(micro_batch);
    options.batch = 48;
    learner l = fed(options);
    return static_cast<double>(test::most_tensor_bytes([&] { EXPECT_FALSE(l.step().skipped); }));
  };
  const double whole = peak_of(0);
  EXPECT_LT(peak_of(24), 0.65 * whole);
  EXPECT_LT(peak_of(4), 0.2 * whole);
}

}  // namespace
}  // namespace freshet::distill
