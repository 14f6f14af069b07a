from deepsynth.workflows.doctor import DoctorConfig, run


def test_the_machine_is_described(reporter):
    shown = run(DoctorConfig(), reporter).describe()
    assert "Python 3." in shown
    assert "free disk" in shown
    assert "extras:" in shown


def test_a_model_and_what_its_labels_teach_are_described(dataset, checkpoint, reporter):
    shown = run(DoctorConfig(model=str(checkpoint), data=dataset, text="Grüße"), reporter).describe()
    assert "FROZEN" in shown
    assert "TRAINABLE" in shown
    assert "gradients" in shown
    assert "21 visual tokens" in shown
    assert "and ends with EOS" in shown
    assert "5 characters are" in shown
