def test_it(stack):
    r = stack.request("GET", "/services"); assert r.status == 200, r.text
    print(stack.queue_urls, stack.origin)
    stack.table().put_item(Item={"PK":"zed","SK":"x","kind":"person"})
    m = stack.wait_for_mail("zed@example.org"); print(m)
    assert stack.client("dynamodb").describe_time_to_live(TableName=stack.table_name)["TimeToLiveDescription"]["TimeToLiveStatus"]=="ENABLED"
    print(stack.logs("send-email")[:3])
    q=stack.queue_urls["mail-now"]; print(q)
    stack.client("sqs").send_message(QueueUrl=q, MessageBody="poison")
    stack.wait_for("dlq", lambda: int(stack.client("sqs").get_queue_attributes(QueueUrl=stack.queue_urls["mail-now-dlq"],AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]["ApproximateNumberOfMessages"]), timeout=90)
def test_b(page):
    page.goto("/services"); print(page.content()); page.goto("http://sandbox."+ "x") if 0 else None
def test_fail(stack):
    assert 0
def test_skip():
    import pytest; pytest.skip("why")
