#include "actors/distiller/distiller_core.hpp"

#include "tests/support/distiller_fixture.hpp"

namespace freshet::actors {
namespace distiller_core_test {

using namespace std::chrono_literals;
using topology::error_reply;
using topology::labelled_batch;
using topology::leases_consumed;
using topology::refresh_ready;
using topology::refresh_request;
using topology::tick_learned;
using topology::version_committed;

class distiller : public distiller_fixture {};

TEST_F(distiller, begins_with_the_base_model_as_version_0) {
  const auto core = make();
  EXPECT_EQ(first_.line, options_.line);
  EXPECT_EQ(first_.next, version{0});
  EXPECT_TRUE(first_.artefact.empty());
  const auto device = std::move(*student_runtime::load({tiny_.model(), tiny_.lora, 4}));
  EXPECT_EQ(first_.values, device.base_values());
  EXPECT_EQ(first_.line, device.line());
}

TEST_F(distiller, refreshes_once_enough_is_new) {
  const auto core = make();
  learn(*core, labels(1, 5));
  EXPECT_EQ(out_.count<refresh_request>(), 0U);
  EXPECT_EQ(core->learner().steps(), 0);
  learn(*core, labels(2, 1));
  const auto consumed = out_.take<leases_consumed>();
  ASSERT_EQ(consumed.size(), 2U);
  EXPECT_EQ(consumed[0].leases, std::vector<std::uint64_t>{1});
  EXPECT_EQ(consumed[1].leases, std::vector<std::uint64_t>{2});
  const auto asked = out_.take<refresh_request>();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(core->learner().steps(), 3);
  EXPECT_EQ(asked[0].line, options_.line);
  EXPECT_EQ(asked[0].base, version{0});
  EXPECT_EQ(asked[0].next, version{1});
  EXPECT_EQ(asked[0].mirror, first_.values);
  EXPECT_EQ(asked[0].target, core->learner().values());
  EXPECT_NE(asked[0].target, asked[0].mirror);
  EXPECT_EQ(asked[0].importance, core->learner().importance());
  EXPECT_EQ(asked[0].first_sample, 0U);
  EXPECT_EQ(asked[0].last_sample, 6U);
  EXPECT_EQ(asked[0].teacher, "big");
  EXPECT_EQ(stats(*core)["phase"], "compressing");
}

TEST_F(distiller, long_steps_are_no_waiting_for_the_compressor) {
  const auto core = make();
  core->handle(teacher, labels(1, 6), now_, out_);
  // Each slice is told when it begins, and takes a minute.
  for (int slices = 0; core->work(now_, out_); ++slices) {
    ASSERT_LT(slices, 100);
    now_ += 60s;
  }
  EXPECT_EQ(out_.count<refresh_request>(), 1U);
  core->tick(now_ + 9s, out_);
  EXPECT_EQ(out_.count<refresh_request>(), 1U) << "it has just been asked";
  core->tick(now_ + 11s, out_);
  EXPECT_EQ(out_.count<refresh_request>(), 2U) << "who does not answer is asked again";
}

TEST_F(distiller, refreshes_after_the_interval_with_fewer) {
  const auto core = make();
  now_ += 3600s;  // nothing new: no time makes a refresh
  core->tick(now_, out_);
  work_off(*core);
  learn(*core, labels(1, 2));
  now_ += 29s;
  learn(*core, labels(2, 1));  // the oldest counts
  EXPECT_EQ(out_.count<refresh_request>(), 0U);
  now_ += 1s;
  core->tick(now_, out_);
  work_off(*core);
  EXPECT_EQ(out_.count<refresh_request>(), 1U);
}

TEST_F(distiller, the_mirror_is_what_a_device_gets) {
  squeeze_.budget_share = 0.2;
  const auto core = make();
  auto device = std::move(*student_runtime::load({tiny_.model(), tiny_.lora, 4}));
  std::vector<float> held = floats(device.base_values());
  version at;
  for (std::uint64_t refresh = 1; refresh <= 4; ++refresh) {
    learn(*core, labels(refresh, 6));
    const auto request = relay(*core);
    EXPECT_EQ(request.first_sample, (refresh - 1) * 6);
    EXPECT_EQ(request.last_sample, refresh * 6);
    const auto told = out_.take<version_committed>();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].base, version{refresh - 1});
    EXPECT_EQ(told[0].next, version{refresh});
    EXPECT_EQ(core->committed(), version{refresh});
    const auto artefact = delta::decode_artefact({told[0].artefact.data(), told[0].artefact.bytes()}, {});
    ASSERT_TRUE(artefact.ok());
    const auto applied = delta::apply_artefact(*artefact, device.layout(), device.line(), at, held);
    ASSERT_TRUE(applied.ok()) << applied.err().text();
    at = *applied;
    EXPECT_EQ(at, told[0].next);
    EXPECT_EQ(told[0].values, host_tensor::of(held));
    EXPECT_EQ(told[0].result, delta::hash_values(held.data(), held.size()));
    ASSERT_TRUE(device.write(told[0].values).ok());
    EXPECT_TRUE(device.self_test().ok());
  }
}

TEST_F(distiller, what_was_not_sent_stays_and_goes_later) {
  squeeze_.budget_share = 0.1;
  const auto core = make();
  learn(*core, labels(1, 6));
  const auto first = relay(*core);
  const auto told = out_.take<version_committed>();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(core->learner().values(), first.target) << "learning goes on from what was learned, not from what was sent";
  EXPECT_NE(told[0].values, first.target);
  learn(*core, labels(2, 6));
  const auto second = out_.take<refresh_request>();
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].mirror, told[0].values);
  EXPECT_EQ(second[0].target, core->learner().values());
}

TEST_F(distiller, an_update_that_cannot_be_applied_is_refused_and_the_next_one_is_made) {
  const auto core = make();
  std::uint64_t lease = 0;
  std::uint64_t refused = 0;
  const auto refuses = [&](const std::function<void(refresh_request&, refresh_ready&)>& breaking) {
    learn(*core, labels(++lease, 6));
    auto asked = out_.take<refresh_request>();
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked[0].base, version{0});
    refresh_ready bad = squeeze(asked[0]);
    breaking(asked[0], bad);
    core->handle(compressor, bad, now_, out_);
    EXPECT_EQ(stats(*core)["refused"], ++refused);
    EXPECT_EQ(stats(*core)["phase"], "gathering");
    EXPECT_EQ(core->committed(), version{0});
    EXPECT_EQ(out_.count<version_committed>(), 0U);
    work_off(*core);
    EXPECT_EQ(out_.count<refresh_request>(), 0U) << "no new labels, no new try";
  };
  const auto bytes_of = [](const refresh_ready& r) {
    return std::vector<std::uint8_t>(r.artefact.data(), r.artefact.data() + r.artefact.bytes());
  };
  refuses([&](refresh_request&, refresh_ready& r) { r.artefact = {}; });
  refuses([&](refresh_request&, refresh_ready& r) {
    auto b = bytes_of(r);
    b[b.size() / 2] ^= 1U;
    r.artefact = host_tensor::of(std::move(b));
  });
  refuses([&](refresh_request&, refresh_ready& r) {
    auto b = bytes_of(r);
    b.pop_back();
    r.artefact = host_tensor::of(std::move(b));
  });
  refuses([&](refresh_request& q, refresh_ready& r) {  // whole, but of another line
    q.line = content_hash{1};
    r = squeeze(q);
  });
  refuses([&](refresh_request& q, refresh_ready& r) {  // whole, but from another mirror
    q.mirror = q.target;
    r = squeeze(q);
  });
  EXPECT_EQ(out_.logged(log_level::error), refused);
  learn(*core, labels(++lease, 6));
  relay(*core);
  EXPECT_EQ(core->committed(), version{1});
}

TEST_F(distiller, updates_that_nobody_waits_for_change_nothing) {
  const auto core = make();
  learn(*core, labels(1, 6));
  const auto asked = out_.take<refresh_request>();
  ASSERT_EQ(asked.size(), 1U);
  refresh_ready ready = squeeze(asked[0]);
  refresh_ready other = ready;
  other.base = version{5};
  other.next = version{6};
  core->handle(compressor, other, now_, out_);
  EXPECT_EQ(stats(*core)["phase"], "compressing");
  core->handle(compressor, ready, now_, out_);
  core->handle(compressor, ready, now_, out_);
  EXPECT_EQ(core->committed(), version{1});
  EXPECT_EQ(out_.take<version_committed>().size(), 1U);
  EXPECT_EQ(stats(*core)["refused"], 0);
}

TEST_F(distiller, a_silent_compressor_is_asked_again) {
  const auto core = make();
  learn(*core, labels(1, 6));
  const auto first = out_.take<refresh_request>();
  ASSERT_EQ(first.size(), 1U);
  now_ += 10s;
  core->tick(now_, out_);
  EXPECT_EQ(out_.count<refresh_request>(), 0U);
  now_ += 50ms;
  core->tick(now_, out_);
  const auto again = out_.take<refresh_request>();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0], first[0]);
  core->tick(now_, out_);
  EXPECT_EQ(out_.count<refresh_request>(), 0U);
}

TEST_F(distiller, a_compressor_without_room_is_waited_for_without_training_on) {
  const auto core = make();
  out_.set_room(compressor, 0);
  learn(*core, labels(1, 6));
  for (int i = 0; i < 5; ++i) {
    now_ += 20ms;
    core->tick(now_, out_);
    work_off(*core);
  }
  EXPECT_EQ(core->learner().steps(), 3);
  EXPECT_TRUE(out_.wake.has_value());
  out_.set_room(compressor, 1);
  core->tick(now_, out_);
  relay(*core);
  EXPECT_EQ(core->committed(), version{1});
}

TEST_F(distiller, a_compressor_that_refuses_does_not_make_it_train_in_circles) {
  const auto core = make();
  learn(*core, labels(1, 6));
  EXPECT_EQ(out_.take<refresh_request>().size(), 1U);
  core->handle(compressor, error_reply{static_cast<std::uint8_t>(errc::too_large), "budget", 30}, now_, out_);
  work_off(*core);
  EXPECT_EQ(core->learner().steps(), 3);
  EXPECT_EQ(out_.count<refresh_request>(), 0U);
  learn(*core, labels(2, 6));
  const auto request = relay(*core);
  EXPECT_EQ(request.first_sample, 0U) << "what was learned before goes along";
  EXPECT_EQ(core->committed(), version{1});
}

TEST_F(distiller, a_lease_that_comes_twice_is_confirmed_twice_and_learned_once) {
  const auto core = make();
  const auto batch = labels(7, 3);
  learn(*core, batch);
  learn(*core, batch);
  EXPECT_EQ(out_.take<leases_consumed>().size(), 2U);
  EXPECT_EQ(stats(*core)["trained_samples"], 3);
  EXPECT_EQ(core->learner().memory().recent_size(), 3U);
  EXPECT_EQ(out_.count<refresh_request>(), 0U);
}

TEST_F(distiller, waits_for_room_before_it_confirms) {
  const auto core = make();
  out_.set_room(intake, 0);
  learn(*core, labels(1, 3));
  EXPECT_EQ(stats(*core)["trained_samples"], 0);
  EXPECT_EQ(stats(*core)["queued"], 1);
  out_.set_room(intake, 1);
  work_off(*core);
  EXPECT_EQ(stats(*core)["trained_samples"], 3);
  EXPECT_EQ(out_.take<leases_consumed>().size(), 1U);
}

TEST_F(distiller, labels_that_cannot_be_learned_from_begin_no_refresh) {
  const auto core = make();
  auto misfit = labels(1, 6);
  for (auto& label : misfit.labels) {
    label.topk_ids.assign(label.answer_tokens.size(), 5);
    label.topk_logits.assign(label.answer_tokens.size(), std::numeric_limits<float>::quiet_NaN());
    label.rest_mass.assign(label.answer_tokens.size(), 0.5F);
  }
  learn(*core, misfit);
  auto broken = labels(2, 6);
  broken.labels.pop_back();
  learn(*core, broken);
  auto unsure = labels(3, 6);
  for (auto& label : unsure.labels) label.confidence = 0.2F;
  learn(*core, unsure);
  now_ += 60s;
  core->tick(now_, out_);
  work_off(*core);
  EXPECT_EQ(out_.count<refresh_request>(), 0U);
  EXPECT_EQ(out_.take<leases_consumed>().size(), 3U) << "they would fail again";
  EXPECT_EQ(stats(*core)["trained_samples"], 0);
  EXPECT_EQ(stats(*core)["unsure_labels"], 6);
  EXPECT_EQ(stats(*core)["refused"], 7);
}

TEST_F(distiller, grants_what_its_queue_still_takes) {
  options_.queue = 2;
  const auto core = make();
  EXPECT_EQ(core->capacity(teacher), 2U);
  core->handle(teacher, labels(1, 1), now_, out_);
  core->handle(teacher, labels(2, 1), now_, out_);
  EXPECT_EQ(core->capacity(teacher), 0U);
  EXPECT_GT(core->capacity(compressor), 0U) << "an update must come through a full queue";
}

TEST_F(distiller, announces_itself_again_and_again) {
  const auto core = make();
  learn(*core, labels(1, 6));
  relay(*core);
  out_.take<version_committed>();
  now_ += 10s;
  core->tick(now_, out_);
  EXPECT_EQ(out_.count<version_committed>(), 0U);
  now_ += 1s;
  core->tick(now_, out_);
  const auto told = out_.take<version_committed>();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].next, version{1});
  EXPECT_TRUE(told[0].artefact.empty());
  // A deployer without room misses the update, not the version.
  out_.set_room(deployer, 0);
  learn(*core, labels(2, 6));
  relay(*core);
  EXPECT_EQ(core->committed(), version{2});
  out_.set_room(deployer, 9);
  now_ += 11s;
  core->tick(now_, out_);
  const auto later = out_.take<version_committed>();
  ASSERT_EQ(later.size(), 1U);
  EXPECT_EQ(later[0].next, version{2});
}

TEST_F(distiller, a_paced_tick_is_learned_once_and_after_its_version) {
  options_.bench = bench;
  const auto core = make();
  learn(*core, labels(1, 4, 1));
  learn(*core, labels(2, 4, 1, true));
  learn(*core, labels(3, 4, 2, true));  // of the next tick, too early
  EXPECT_EQ(out_.count<tick_learned>(), 0U);
  EXPECT_EQ(stats(*core)["trained_samples"], 8);
  now_ += 1s;
  core->tick(now_, out_);
  EXPECT_EQ(out_.count<tick_learned>(), 0U);
  const auto asked = out_.take<refresh_request>();
  ASSERT_EQ(asked.size(), 1U);
  core->handle(compressor, squeeze(asked[0]), now_, out_);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < out_.messages.size(); ++i) {
    if (std::holds_alternative<version_committed>(out_.messages[i].message)) order.push_back(1);
    if (std::holds_alternative<tick_learned>(out_.messages[i].message)) order.push_back(2);
  }
  EXPECT_EQ(order, (std::vector<std::size_t>{1, 2}));
  auto learned = out_.take<tick_learned>();
  ASSERT_EQ(learned.size(), 1U);
  EXPECT_EQ(learned[0], (tick_learned{1, version{1}, 8}));
  work_off(*core);
  learned = out_.take<tick_learned>();  // too few for a refresh: the version stays
  ASSERT_EQ(learned.size(), 1U);
  EXPECT_EQ(learned[0], (tick_learned{2, version{1}, 12}));
  work_off(*core);
  EXPECT_EQ(out_.count<tick_learned>(), 0U);
  // A tick in which nothing was sent, and one whose batch cannot be read, end as well.
  labelled_batch nothing;
  nothing.lease = 4;
  nothing.batch.tick = 3;
  nothing.batch.end_of_tick = true;
  learn(*core, nothing);
  learn(*core, nothing);  // sent again
  auto broken = labels(5, 2, 4, true);
  broken.labels.clear();
  learn(*core, broken);
  learned = out_.take<tick_learned>();
  ASSERT_EQ(learned.size(), 2U);
  EXPECT_EQ(learned[0].tick, 3U);
  EXPECT_EQ(learned[1].tick, 4U);
}

TEST_F(distiller, a_paced_tick_ends_even_when_its_update_fails) {
  options_.bench = bench;
  const auto core = make();
  learn(*core, labels(1, 6, 1, true));
  EXPECT_EQ(out_.take<refresh_request>().size(), 1U);
  core->handle(compressor, refresh_ready{version{0}, version{1}, {}}, now_, out_);
  learn(*core, labels(2, 6, 2, true));
  EXPECT_EQ(out_.take<refresh_request>().size(), 1U);
  core->handle(compressor, error_reply{}, now_, out_);
  work_off(*core);
  const auto learned = out_.take<tick_learned>();
  ASSERT_EQ(learned.size(), 2U);
  EXPECT_EQ(learned[0], (tick_learned{1, version{0}, 6}));
  EXPECT_EQ(learned[1], (tick_learned{2, version{0}, 12}));
}

TEST_F(distiller, a_bench_without_room_hears_of_the_tick_later) {
  options_.bench = bench;
  const auto core = make();
  out_.set_room(bench, 0);
  learn(*core, labels(1, 2, 1, true));
  learn(*core, labels(2, 2, 2, true));
  EXPECT_EQ(out_.count<tick_learned>(), 0U);
  out_.set_room(bench, 2);
  work_off(*core);
  const auto learned = out_.take<tick_learned>();
  ASSERT_EQ(learned.size(), 2U);
  EXPECT_EQ(learned[0].tick, 1U);
  EXPECT_EQ(learned[0].samples, 2U);
  EXPECT_EQ(learned[1].tick, 2U);
}

TEST_F(distiller, paced_learning_depends_on_the_labels_alone) {
  options_.bench = bench;
  const auto run = [&](bool at_once, duration between) {
    const auto core = make();
    for (std::uint64_t lease = 1; lease <= 5; ++lease) {
      core->handle(teacher, labels(lease, 4, 1, lease == 5), now_, out_);
      now_ += between;
      core->tick(now_, out_);
      if (at_once) continue;
      work_off(*core);
      while (out_.count<refresh_request>() > 0) relay(*core);
    }
    work_off(*core);
    while (out_.count<refresh_request>() > 0) relay(*core);
    EXPECT_EQ(out_.take<tick_learned>().size(), 1U);
    out_.take<version_committed>();
    return std::make_pair(core->committed(), core->learner().values());
  };
  const auto as_they_come = run(false, 1ms);
  EXPECT_EQ(as_they_come.first, version{2});
  EXPECT_EQ(run(true, 1ms), as_they_come);
  EXPECT_EQ(run(false, 45s), as_they_come) << "time is the bench's";
}

TEST_F(distiller, sleeps_while_the_student_already_agrees) {
  options_.bench = bench;
  options_.agreement_to_sleep = 0.95;
  options_.steps_per_refresh = 20;
  const auto core = make();
  std::uint64_t tick = 1;
  for (; tick <= 30 && stats(*core)["slept"] == 0; ++tick) {
    learn(*core, labels(tick, 6, tick, true));
    if (out_.count<refresh_request>() > 0) relay(*core);
  }
  ASSERT_EQ(stats(*core)["slept"], 1) << "30 refreshes on one answer";
  EXPECT_EQ(out_.take<tick_learned>().size(), tick - 1) << "ticks end asleep too";
  const version asleep = core->committed();
  const auto steps = core->learner().steps();
  EXPECT_GT(asleep, version{0});
  learn(*core, labels(100, 6, 100, true));
  EXPECT_EQ(core->committed(), asleep);
  EXPECT_EQ(core->learner().steps(), steps + 1) << "one step to measure";
  EXPECT_EQ(out_.take<tick_learned>().size(), 1U);
  // Other answers wake it up.
  answer_ = "blue";
  learn(*core, labels(101, 6, 101, true));
  learn(*core, labels(102, 6, 102, true));
  EXPECT_EQ(out_.count<refresh_request>(), 1U);
}

TEST_F(distiller, refuses_other_messages_by_name) {
  const auto core = make();
  core->handle(intake, topology::pace{}, now_, out_);
  const auto refused = out_.take<error_reply>();
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_NE(refused[0].context.find("pace"), std::string::npos);
}

TEST_F(distiller, tells_how_often_devices_agree_with_the_teacher_on_probes) {
  const auto core = make();
  auto batch = labels(1, 6);
  for (std::size_t i = 0; i < 6; ++i) {
    auto& s = batch.batch.samples[i];
    s.random_probe = i != 0;  // the first was chosen, and says nothing of the fleet
    s.device_answer = i % 2 == 0 ? answer_ : "blue";
    s.student = version{i < 4 ? 7U : 8U};
    s.domain = i < 4 ? "fog" : "";
  }
  batch.labels[3].confidence = 0.1F;  // the teacher does not know itself
  learn(*core, batch);
  learn(*core, batch);  // the lease came twice
  const auto told = out_.take<topology::probe_outcomes>();
  ASSERT_EQ(told.size(), 1U);
  const auto device = batch.batch.device;
  const std::vector<topology::probe_outcome> expected{{device, version{7}, "fog", 2, 1}, {device, version{8}, "", 2, 1}};
  EXPECT_EQ(told[0].all, expected);
}

}  // namespace distiller_core_test
}  // namespace freshet::actors
