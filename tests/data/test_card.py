def test_the_card_tells_rows_reasons_settings_and_license(prepare, rows_file):
    with rows_file.open("a") as file:
        file.write("broken\n")
    card = (prepare() / "README.md").read_text()
    assert "task_categories:" in card
    assert "| bad-json | 1 |" in card
    assert "mode `nano-128`, letters of 10.0 px" in card
    assert "License: that of the source" in card
